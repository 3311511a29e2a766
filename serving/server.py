"""The container's program: `python -m serving.server serve`.

SageMaker runs the image with the argument `serve`, has the model unpacked at /opt/ml/model, and calls port 8080; to end
it, it sends SIGTERM, and SIGKILL 30 seconds later ("Custom Inference Code with Hosting Services", SageMaker developer
guide). Exit codes: 0 it was ended by SIGTERM, 1 the model cannot be loaded, 2 other arguments, 3 the port is taken; the
reason is the last line of its log.
"""

import signal
import sys


def main() -> int:
    # As process 1, Python would ignore SIGTERM until a handler stands: before the imports, which take half a second.
    # While it serves, uvicorn has its own, which answers the calls in progress and then raises the signal once more.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[1:] != ["serve"]:
        given = " ".join(sys.argv[1:]) or "(none)"
        print(f"error: arguments {given}: the only one is serve, as in docker run IMAGE serve", file=sys.stderr)
        return 2

    from serving import log
    from serving.classifier import ModelError
    from serving.processes import serve

    try:
        serve()
    except ModelError as error:
        log.write("failed", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
