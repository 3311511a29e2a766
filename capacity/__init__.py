"""`python -m capacity`: what the scaling policy makes of a traffic, and the cheapest policy that holds the limits."""
