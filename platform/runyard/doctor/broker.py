"""Whether what people ask of the Runyard here reaches its workers: by the Redis of the settings."""

import redis
from django.conf import settings

from runyard.doctor.findings import Finding, absent, fine, problem, warning
from runyard.kit.broker import PROBE, refusal

ABOUT, ANSWER_SECONDS = "tasks", 2.0


def check_broker() -> Finding:
    """In production one has to answer; elsewhere nothing needs to run."""
    try:
        _probe()
    except ValueError:  # its words hold parts of the address, and so of the password
        advice = "Begin it with redis://, rediss:// or unix://, and percent-encode its password."
        return problem(ABOUT, "RUNYARD_REDIS_URL is no address of a Redis.", advice)
    except redis.ResponseError as error:
        if why := refusal(error):
            return problem(ABOUT, *why)
        advice = f"Let its user write the key {PROBE['name']}."
        return warning(ABOUT, f"Whether Redis takes tasks cannot be seen: {error}", advice)
    except redis.RedisError as error:
        if not settings.PRODUCTION:
            return absent(ABOUT, "No Runyard runs here, or its Redis does not answer.")
        advice = "See that it runs, and that RUNYARD_REDIS_URL leads to it."
        return problem(ABOUT, f"Redis does not answer: {error}", advice)
    return fine(ABOUT, "Redis takes them.")


def _probe() -> None:
    patience = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    with redis.Redis.from_url(settings.REDIS_URL, **patience) as client:
        client.set(**PROBE)
