"""Settings of accounts: log-in, sign-up, second factors, sessions."""

from __future__ import annotations

from soundscape_site.settings import env

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "retrieval:my_photos"
ACCOUNT_LOGOUT_REDIRECT_URL = "retrieval:front"
# Not in a cookie of their own, whose name has no __Host- prefix in production.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# "invited": only people with an invitation can sign up.
SOUNDSCAPE_SIGNUP = env.choice("SOUNDSCAPE_SIGNUP", ("open", "invited"))
# Operators, librarians and lead reviewers must set up a second factor before they do anything else.
# Production requires it by default.
SOUNDSCAPE_SECOND_FACTOR_REQUIRED = env.flag("SOUNDSCAPE_SECOND_FACTOR_REQUIRED", default=False)
# Whether the box "let reviewers judge" is ticked at first.
SOUNDSCAPE_JUDGING_BY_DEFAULT = env.flag("SOUNDSCAPE_JUDGING_BY_DEFAULT", default=False)

ACCOUNT_ADAPTER = "accounts.logging_in.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.logging_in.forms.LoginForm",
    "signup": "accounts.logging_in.forms.SignupForm",
    "add_email": "accounts.logging_in.forms.AddEmailForm",
    "change_password": "accounts.logging_in.forms.ChangePasswordForm",
    "set_password": "accounts.logging_in.forms.SetPasswordForm",
    "reset_password": "accounts.logging_in.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.logging_in.forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.logging_in.forms.ReauthenticateForm",
}
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "account_email"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # in the browser that signed up
ACCOUNT_PREVENT_ENUMERATION = "strict"  # an address that others only claim can sign up
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of changes of the password, the address and the second factor
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # the old address stays in use until the new one is verified
# The key of failed log-ins is made of name and network address: nobody can lock out somebody else.
SOUNDSCAPE_FAILED_LOGINS_MINUTES = 15
SOUNDSCAPE_FAILED_LOGINS_OF_NAME = f"5/{SOUNDSCAPE_FAILED_LOGINS_MINUTES}m/key"
SOUNDSCAPE_FAILED_LOGINS_OF_ADDRESS_MINUTES = 60
SOUNDSCAPE_FAILED_LOGINS_OF_ADDRESS = f"50/{SOUNDSCAPE_FAILED_LOGINS_OF_ADDRESS_MINUTES}m/ip"
ACCOUNT_RATE_LIMITS = {
    "login_failed": f"{SOUNDSCAPE_FAILED_LOGINS_OF_NAME},{SOUNDSCAPE_FAILED_LOGINS_OF_ADDRESS}"
}

MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Soundscape"
MFA_ADAPTER = "accounts.logging_in.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.logging_in.second_factor_forms.AuthenticateForm",
    "reauthenticate": "accounts.logging_in.second_factor_forms.ReauthenticateForm",
    "activate_totp": "accounts.logging_in.second_factor_forms.ActivateTOTPForm",
    "authenticate_webauthn": "accounts.logging_in.second_factor_forms.AuthenticatePasskeyForm",
    "login_webauthn": "accounts.logging_in.second_factor_forms.LoginPasskeyForm",
    "reauthenticate_webauthn": "accounts.logging_in.second_factor_forms.ReauthenticatePasskeyForm",
    "add_webauthn": "accounts.logging_in.second_factor_forms.AddPasskeyForm",
}

USERSESSIONS_ADAPTER = "accounts.logging_in.adapters.SessionsAdapter"
