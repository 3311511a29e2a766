"""An AWS on this machine: MiniStack plus the data planes it lacks.

Training jobs train, endpoints serve, and every call is signed and authorised.

    make local         start it; writes .local/aws.env, which any AWS client can source
    make status        show whether it runs, and its processes
    make down          end it and every process it started
"""

from training.interrupt import report_interrupts

report_interrupts()
