"""`GET /files/{job}`: files that jobs made, for whoever holds their signed address.

The address is the permission, so that a browser can save a file as it follows a link: it names one file, ends with
it after 24 hours, and cannot be made without the deployment's key.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from api.context import Doors
from api.nodes import global_id, key_of
from domain.accounts.vault import Purpose, Vault
from domain.infra.clock import machine_now
from domain.tasks import queries

PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
"""Headers of every answer."""

router = APIRouter()


def address_of(vault: Vault, task_id: int, expires_at: datetime) -> str:
    """The signed address of a task's file, without the host; it ends at `expires_at`, machine time."""
    expires = int(expires_at.timestamp())
    signature = vault.signature(Purpose.FILE, _signed(task_id, expires))
    return f"/files/{global_id('Job', task_id)}?expires={expires}&signature={signature}"


def _signed(task_id: int, expires: int) -> str:
    return f"{task_id}:{expires}"


@router.get("/files/{job}")
async def file(request: Request, job: str) -> Response:
    """The file in parts, or 404 for an address that was never given out, has ended, or whose file is gone."""
    doors: Doors = request.app.state.doors
    task_id, machine = key_of("Job", job), machine_now()
    expires, signature = request.query_params.get("expires", ""), request.query_params.get("signature", "")
    if task_id is None or not _is_valid(doors.desk.vault, task_id, expires, signature, machine):
        return _missing()
    found = await queries.output(doors.reader, task_id, machine)
    if found is None:
        return _missing()
    return StreamingResponse(
        queries.output_parts(doors.reader, task_id, found["parts"]),
        media_type=found["media_type"],
        headers={
            **PRIVATE,
            "content-disposition": f'attachment; filename="{found["name"]}"',
            "content-length": str(found["size"]),
        },
    )


def _is_valid(vault: Vault, task_id: int, expires: str, signature: str, machine: datetime) -> bool:
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12 and signature.isascii()):
        return False
    is_signed = vault.is_signed(Purpose.FILE, _signed(task_id, int(expires)), signature)
    return is_signed and machine.timestamp() < int(expires)


def _missing() -> Response:
    return PlainTextResponse("There is no such file, or its address has ended.\n", 404, PRIVATE)
