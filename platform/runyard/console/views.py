"""Sign-in, sign-out, home and health."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator

from runyard.sync.freshness import freshness
from runyard.tenancy.signin import user_of_link


def home(request: HttpRequest) -> HttpResponse:
    """The first page is the table people keep open."""
    return redirect("workloads")


class SignIn(LoginView):
    """Name and password; a person already signed in goes on."""

    template_name = "console/sign_in.html"
    redirect_authenticated_user = True


class SignOut(LogoutView):
    """POST only."""


@login_not_required
def sign_in_by_link(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """A link that works once. GET asks, POST signs in: a prefetching browser must not use it up."""
    user = user_of_link(uidb64, token)
    if user is not None and request.method == "POST":
        login(request, user)
        return redirect("workloads")
    status = 200 if user else 410
    return render(request, "console/sign_in_link.html", {"person": user}, status=status)


@login_not_required
def health(request: HttpRequest) -> HttpResponse:
    """200 when this process serves and reaches its database; 503 otherwise. Says nothing else."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return HttpResponse("database unreachable\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def freshness_json(request: HttpRequest) -> JsonResponse:
    """How fresh each cluster's picture is; the page asks when its socket is silent."""
    return JsonResponse({"clusters": [found.wire() for found in freshness(request.user)]})


SignIn = method_decorator(login_not_required, name="dispatch")(SignIn)  # type: ignore[misc]
