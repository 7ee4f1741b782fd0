"""Settings beside the mode itself that managed needs: what would let a charger start unasked.

Set on every switch to managed, for they cost a message or two and an installer may have changed
them. A charger that lacks one, or does not let it be set, refuses it, and its row says so. What it
does while it is offline is set apart (models/offline.py).
"""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
TUNED_16: Mapping[str, str] = {
    # OCPP 1.6 section 9.1. key         value
    # A local hit would start before the central system was asked.
    "LocalPreAuthorize":               "false",
    # A denied start ends by itself; where it does not, a remote stop follows (finding 1).
    "StopTransactionOnInvalidId":      "true",
    # Answers of freevend would be remembered (finding 5).
    "AuthorizationCacheEnabled":       "false",
    # Whoever is started from afar is asked for as well.
    "AuthorizeRemoteTxRequests":       "true",
}

TUNED_2X: Mapping[str, str] = {
    # OCPP 2.0.1 part 2 appendix 3; the same four, and that Authorize is sent at all.
    "AuthCtrlr.LocalPreAuthorize":           "false",
    "AuthCtrlr.DisableRemoteAuthorization":  "false",
    "AuthCacheCtrlr.Enabled":                "false",
    "TxCtrlr.StopTxOnInvalidId":             "true",
    "AuthCtrlr.AuthorizeRemoteStart":        "true",
}
# fmt: on
