"""The keys and tokens that a run uses; worthless anywhere else, and masked in every report all the same."""

from __future__ import annotations

__all__ = [
    "CALENDLY_TOKEN",
    "CALENDLY_WEBHOOK_KEYS",
    "SECRETS",
    "STRIPE_KEY",
    "STRIPE_WEBHOOK_KEYS",
    "TOKEN_KEY",
]

TOKEN_KEY = "throwaway-token-key-for-scenarios-only-0001"
CALENDLY_TOKEN = "throwaway-calendly-personal-access-token"
CALENDLY_WEBHOOK_KEYS = ("throwaway-calendly-signing-key-new", "throwaway-calendly-signing-key-old")
STRIPE_KEY = "sk_test_throwawayStripeSecretKey0001"
STRIPE_WEBHOOK_KEYS = ("whsec_throwawayStripeSigningKeyNew", "whsec_throwawayStripeSigningKeyOld")

SECRETS = (TOKEN_KEY, CALENDLY_TOKEN, *CALENDLY_WEBHOOK_KEYS, STRIPE_KEY, *STRIPE_WEBHOOK_KEYS)
