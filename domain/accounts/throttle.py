"""How often somebody may try: by network address (IPv6 by /64), and by e-mail address whether an account has it or not.

Counted in moving windows of a quarter of an hour of machine time. Redis holds a digest in place of an e-mail.
"""

from __future__ import annotations

from hashlib import sha256

from domain.accounts.desk import Desk
from domain.accounts.people import Caller
from domain.infra.errors import BadCredentials
from domain.infra.limiter import Rate, network_of

WINDOW_SECONDS = 900


async def count_address(desk: Desk, caller: Caller) -> None:
    """Count a sign-in, registration or reset; raises BadCredentials with `retry_after` when there were too many."""
    if caller.address is not None:
        await _count(desk, desk.settings.address_attempts, "address", network_of(caller.address))


async def count_sign_in(desk: Desk, email: str) -> None:
    """Count a try of a password; `forget_sign_ins` takes it back once it was right. Raises as `count_address`.

    Counted before the password is looked at, so that tries at the same moment are no way around it.
    """
    await _count(desk, desk.settings.sign_in_attempts, "sign-in", _digest(email))


async def forget_sign_ins(desk: Desk, email: str) -> None:
    """A password was right: the failures before it do not count any more."""
    await desk.limiter.forget(_rate(desk.settings.sign_in_attempts), "sign-in", _digest(email))


async def count_mail(desk: Desk, email: str) -> None:
    """Count an e-mail that a stranger can have sent to an address; raises as `count_address`."""
    await _count(desk, desk.settings.sign_in_attempts, "mail", _digest(email))


async def _count(desk: Desk, most: int, *name: str) -> None:
    seconds = await desk.limiter.hit(_rate(most), *name)
    if seconds:
        minutes = -(-seconds // 60)
        raise BadCredentials(f"That was tried too often; try again in {minutes} min.", retry_after=seconds)


def _rate(most: int) -> Rate:
    return Rate(most, WINDOW_SECONDS)


def _digest(email: str) -> str:
    return sha256(email.encode()).hexdigest()
