"""The status of a stack in CloudFormation, and what to do about one that cannot be used or deployed as it is."""

AGAIN = "make delete, then make deploy. The first failed event in CloudFormation's console is the reason."

UNUSABLE = {
    "REVIEW_IN_PROGRESS": "Nothing is deployed yet: make deploy goes on from there.",
    "CREATE_IN_PROGRESS": "Wait until its deployment has ended.",
    "ROLLBACK_IN_PROGRESS": f"Its first deployment has failed. Wait until it is rolled back, then {AGAIN}",
    "ROLLBACK_COMPLETE": f"Its first deployment has failed, and nothing of it is left: {AGAIN}",
    "ROLLBACK_FAILED": f"Its first deployment has failed: {AGAIN}",
    "CREATE_FAILED": f"Its first deployment has failed: {AGAIN}",
    "DELETE_IN_PROGRESS": "It is being deleted. Wait until it is gone, then make deploy.",
    "DELETE_FAILED": "It could not be deleted: make delete again. CloudFormation's console has the reason.",
}
"""By the status of a stack that has no outputs, what to do."""

_UNDEPLOYABLE = {
    "UPDATE_ROLLBACK_FAILED": "Its last deployment has failed, and so has the way back. CloudFormation's console: "
    "Stack actions, Continue update rollback; then make deploy.",
}


def obstacle(status: str) -> str:
    """The advice for a stack that cannot be deployed in this status; empty for one that can be."""
    if status == "REVIEW_IN_PROGRESS":
        return ""
    if status.endswith("_IN_PROGRESS") and status not in UNUSABLE:
        return "A deployment is under way. Wait until it has ended."
    return UNUSABLE.get(status) or _UNDEPLOYABLE.get(status, "")
