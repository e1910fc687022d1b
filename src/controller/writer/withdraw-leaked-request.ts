import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { demoteUnrequested, withdrawRequest, requestWriter } from "../../objects/writer-request.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * Withdraws the request of a node for which the release check found no user. Left standing it would be the
 * oldest, and be granted before the one that waits, again and again. A user that came in between and relies
 * on it is found by a second check: the request is renewed then. With `attach: driver` the attachment is
 * demoted as well: no unpublish follows, and a primary would block DeleteVolume and an expansion, and keep
 * its share. A writer that is still requested in the record keeps its role until a release check has
 * withdrawn that request: its node would take the replica for an attachment that was recreated without its
 * request, and request the volume again.
 */
export async function withdrawLeakedRequest(
  ports: Pick<ControllerPorts, "attach" | "store" | "clock" | "steps" | "users">,
  volume: AzVolume,
  where: { readonly volumeId: string; readonly nodeName: string },
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const present = await readAttachment(
    ports.store,
    { diskUri: where.volumeId, nodeName: where.nodeName },
    signal,
  );
  if (!present.ok) return ignoreNotFound(present);
  if (present.value.spec.writerRequest !== undefined) {
    const isShared = !isSingleWriter(volume.spec.capabilities);
    const ended = await withdrawRequest(ports, { ...where, keepsPrimary: true, isShared }, signal);
    if (!ended.ok) return ended;
    const use = await ports.users.on(where, signal);
    const { readOnly, volumeContext } = present.value.spec;
    if (use.kind !== "unused")
      return requestWriter(ports, { volume, nodeName: where.nodeName, readOnly, volumeContext }, signal);
  }
  const isRequestedWriter = isNamed(volume.status?.record, where.nodeName, "requested");
  return ports.attach === "driver" && !isRequestedWriter ? demoteUnrequested(ports, where, signal) : ok({});
}
