"""
The notifier: calls post-load hooks, sees what people should know of, and sends them mail.

May import `control` and the words below. Invariants (docs/specs/notifications.md has them as numbered MUSTs):

1. It works from the control store alone: what is to be sent stands in an outbox, written in the transaction
   of what it tells of. So it may die at any moment, and loading never waits for it.
2. An attempt is counted before it is made, so that nothing is sent without end.
3. A hook is called at an address that was looked at, not looked up again; without leave of the settings
   that is a public one. Redirects are not followed, and no answer is read further than its head.
4. No log line, error or mail holds an address of a hook beyond its host, a secret, or a password.
"""
