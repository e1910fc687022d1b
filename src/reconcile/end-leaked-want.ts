import type { Failure } from "../core/failure.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { ok, type Result } from "../core/result.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { readAttachment } from "./named-attachment.ts";
import { endWant, stateWant } from "./want.ts";

/**
 * Ends the want of a node for which the release check found no user. Left standing it would be the oldest, and granted before the one that waits, again and again.
 * A user who came meanwhile and relies on the want that stood is found by asking once more: the want is stated again then.
 */
export async function endLeakedWant(
  ports: Pick<ControllerPorts, "store" | "clock" | "steps" | "users">,
  volume: AzVolume,
  where: { readonly volumeId: string; readonly nodeName: string },
  signal: AbortSignal,
): Promise<Result<unknown, Failure>> {
  const present = await readAttachment(ports.store, { diskUri: where.volumeId, nodeName: where.nodeName }, signal);
  if (!present.ok) return present.failure.kind === "ObjectNotFound" ? ok({}) : present;
  if (present.value.spec.want === undefined) return ok({});
  const ended = await endWant(ports, { ...where, keepsPrimary: true }, signal);
  if (!ended.ok) return ended;
  const use = await ports.users.on(where, signal);
  if (use.kind === "unused") return ok({});
  const { readOnly, volumeContext } = present.value.spec;
  return stateWant(ports, { volume, nodeName: where.nodeName, readOnly, volumeContext }, signal);
}
