"""Sign-in links that work once and expire: for the first administrator, and for lost passwords.

The token is Django's: signed, and void after the next sign-in or change of password.
"""

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes, force_str
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from runyard.tenancy.models import User


class _SignInTokens(PasswordResetTokenGenerator):
    key_salt = "runyard.tenancy.signin"


_tokens = _SignInTokens()


def link_for(user: User) -> str:
    """The path of a sign-in link for `user`."""
    return reverse(
        "sign-in-link", args=[urlsafe_base64_encode(force_bytes(user.pk)), _tokens.make_token(user)]
    )


def user_of_link(uidb64: str, token: str) -> User | None:
    """The active person a link is for; None for a link that is wrong, used or expired."""
    try:
        user = User.objects.get(pk=force_str(urlsafe_base64_decode(uidb64)), is_active=True)
    except (ValueError, OverflowError, User.DoesNotExist):
        return None
    return user if _tokens.check_token(user, token) else None
