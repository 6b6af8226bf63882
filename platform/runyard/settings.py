"""Django settings, all from RUNYARD_ environment variables (docs/settings.md).

Production refuses to start without a secret key, allowed hosts, a database and Redis.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from runyard import environment as env
from runyard.clusters.networks import EMBEDDED

BASE_DIR = Path(__file__).resolve().parents[2]
MODE = env.mode()
PRODUCTION = MODE == "production"
HOME = env.home(BASE_DIR)
DEBUG = False

if PRODUCTION:
    env.require_for_production()

SECRET_KEY = env.text("SECRET_KEY", "" if MODE == "embedded" else "only-for-tests-" + "x" * 50)
if not SECRET_KEY:
    raise ImproperlyConfigured("RUNYARD_SECRET_KEY is unset; `runyard up` makes and keeps one.")
HOST, PORT = env.text("HOST", "127.0.0.1"), int(env.text("PORT", "8000"))
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost")
ORIGINS = env.words(
    "ORIGINS",
    f"https://{ALLOWED_HOSTS[0]}" if PRODUCTION else f"http://127.0.0.1:{PORT},http://localhost:{PORT}",
)
CSRF_TRUSTED_ORIGINS = ORIGINS
METRICS_TOKEN = env.text("METRICS_TOKEN")
#: Each tool has a host name below it. Browsers lead names below localhost to their own machine.
_HERE = urlsplit(ORIGINS[0]).hostname in ("127.0.0.1", "localhost")
TOOLS_DOMAIN = env.text("TOOLS_DOMAIN", "localhost" if _HERE else "").lower().strip(".")
REDIS_URL = env.text("REDIS_URL", f"unix://{HOME}/run/valkey.sock")
_EMBEDDED = str(HOME / "cluster" / "kubeconfig")
KUBECONFIG = env.text("KUBECONFIG", _EMBEDDED)
POD_NETWORK = env.networks("POD_NETWORK", EMBEDDED if KUBECONFIG == _EMBEDDED else "none")

INSTALLED_APPS = [
    "runyard.tenancy",
    "runyard.clusters",
    "workloads",
    "metrics",
    "runyard.sync",
    "runyard.live",
    "runyard.api",
    "runyard.connect",
    "runyard.console",
    "runyard.doctor",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "rest_framework",
    "channels",
    "csp",
]
MIDDLEWARE = [
    "runyard.kit.measures.timed",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "runyard.urls"
ASGI_APPLICATION = "runyard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "environment": "runyard.kit.pages.environment",
            "context_processors": [
                "django.contrib.messages.context_processors.messages",
                "runyard.console.shell.shell",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database(env.text("DATABASE_URL", f"postgresql://runyard@/runyard?host={HOME}/run"))
    | {"CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False}
}
if MODE != "test":
    # Under ASGI each request would open a connection of its own; the pool keeps a few for all threads.
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 0,
        "max_size": 20,
        "timeout": 5,
        "reconnect_timeout": 1,  # give up soon and let the next request try: a restart is over in seconds
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "tenancy.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "workloads"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if MODE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LANGUAGE_CODE, TIME_ZONE, USE_I18N, USE_TZ = "en-us", "UTC", False, True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(HOME / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "metrics.plotly_script.PlotlyFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"
        if MODE != "test"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

LOG_STORE = env.text("LOG_STORE")
LOG_STORE_ENDPOINT, LOG_STORE_REGION = (
    env.text("LOG_STORE_ENDPOINT"),
    env.text("LOG_STORE_REGION", "us-east-1"),
)
LOG_STORE_KEY, LOG_STORE_SECRET = env.text("LOG_STORE_KEY"), env.text("LOG_STORE_SECRET")
if LOG_STORE and not LOG_STORE.startswith("s3://"):
    raise ImproperlyConfigured(
        f"RUNYARD_LOG_STORE is {LOG_STORE!r}; it must be s3://bucket or s3://bucket/folder."
    )
LOG_BYTES = env.whole("LOG_MIB", 1024) * 2**20
HISTORY_DAYS = env.whole("HISTORY_DAYS", 90)
METRICS_SECONDS, METRICS_DAYS = env.whole("METRICS_SECONDS", 15), env.whole("METRICS_DAYS", 7)
METRICS_MIDDLE_DAYS = env.whole("METRICS_MIDDLE_DAYS", 60)
METRICS_LONG_DAYS = env.whole("METRICS_LONG_DAYS", 400)
PROMETHEUS_URL, PROMETHEUS_MATCHERS = env.text("PROMETHEUS_URL"), env.text("PROMETHEUS_MATCHERS")
PROMETHEUS_TOKEN_FILE, PROMETHEUS_CA_FILE = env.text("PROMETHEUS_TOKEN_FILE"), env.text("PROMETHEUS_CA_FILE")
LOG_DAYS, LOG_PROJECT_BYTES = env.whole("LOG_DAYS", 30), env.whole("LOG_PROJECT_GIB", 100) * 2**30
LOG_STREAMS = env.whole("LOG_STREAMS", 200)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["runyard.api.parsing.StrictJSONParser"],
    "EXCEPTION_HANDLER": "runyard.api.errors.handle",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": "6000/min"},
}
# Only the API's throttle counts here, per process: a Redis that is away must not refuse requests.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # the Action row, not the broker, remembers; the reaper resends
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "socket_keepalive": True,
}
CELERY_TASK_ROUTES = {"sync.follow": {"queue": "sync"}}  # half an hour each: a worker of their own at size
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF, *(o.replace("http", "ws", 1) for o in ORIGINS)],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
_HOST = "__Host-" if PRODUCTION else ""  # over TLS names that no host below the same domain can set
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_HOST}runyard_session", f"{_HOST}runyard_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS, SECURE_HSTS_INCLUDE_SUBDOMAINS, SECURE_HSTS_PRELOAD = 31_536_000, True, True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "WARNING").upper()},
    "loggers": {
        "runyard": {"level": "INFO"},
        "workloads": {"level": "INFO"},
        # An address not found or a right that is missing is told to who asked, not to who runs this.
        "django.request": {"level": "ERROR"},
    },
}
