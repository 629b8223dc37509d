"""The words of mails. Pure."""

from __future__ import annotations

from tidegate.control.notifications import Kind, Notification

REMEDIES = {
    Kind.DESTINATION: (
        "What is sent meanwhile is accepted and waits. Nothing is lost. `tidegate status` tells the state;"
        " loading goes on by itself once the destination takes data again."
    ),
    Kind.TABLE: (
        "This table waits, all others go on, and nothing is lost. Undo the change in the warehouse that is"
        " named above; the table is then loaded by itself. `tidegate status` shows it as long as it waits."
    ),
    Kind.REJECTED: (
        "The records are kept whole with the reason of each. `tidegate rejected list` shows them, and"
        " `tidegate rejected replay` loads them once their cause is repaired."
    ),
    Kind.WARNING: "`tidegate loads` shows the newest loads of the table.",
    Kind.HOOK: (
        "The loads themselves worked. Calls that could not be delivered are not sent again; later loads are"
        " told as before. `tidegate hooks deliveries` shows each call and its last answer."
    ),
}


def subject_of(notification: Notification, prefix: str) -> str:
    """Return the subject of a notification's mails."""
    return prefix + notification.title


def body_of(notification: Notification, account_name: str, *, errors_shown: bool) -> str:
    """Return the text of a notification's mails; without the words of drivers unless `errors_shown`."""
    lines = [
        notification.title + ".",
        "",
        f"Account:  {account_name} ({notification.client_id})",
        f"Where:    {notification.place}",
        f"Since:    {notification.since:%Y-%m-%d %H:%M:%S} UTC",
        f"Level:    {notification.level}",
        "",
    ]
    if notification.error and errors_shown:
        lines += ["What was said:", "", *(f"    {line}" for line in notification.error.splitlines()), ""]
    lines += [
        REMEDIES[notification.kind],
        "",
        f"`tidegate notifications dismiss {notification.id}` takes this off the list of notifications.",
        "",
    ]
    return "\n".join(lines)
