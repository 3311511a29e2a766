"""An AWS on this machine: MiniStack plus the data planes it lacks.

Training jobs really train, endpoints really serve, and every call is signed and authorised.

    python -m local_aws up        start it; writes .local/aws.env, which any AWS client can source
    python -m local_aws status    is it running, and what runs in it
    python -m local_aws down      end it and everything it started
"""
