import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { unwant } from "../../core/writer/writer-steps.ts";
import { findVolume } from "../../objects/find-volume.ts";
import { moveRecord } from "../../objects/update-record.ts";
import { endWant } from "../../objects/writer-request.ts";
import type { NodePorts } from "../node-ports.ts";
import { giveVolume } from "../writer/acquire-volume.ts";
import { publishedTargets } from "./published-targets.ts";

/**
 * Unstages a volume: ends this node's want first, so that who waits can be served the moment it is given back, then unmounts (which flushes) and
 * gives. Success only once the give is recorded or the record no longer names this node, also when nothing is mounted. Fails with `VolumeInUse`
 * while targets are published.
 */
export async function unstageVolume(
  ports: NodePorts,
  request: { readonly volumeId: string; readonly stagingPath: string },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const targets = await publishedTargets(ports, request.volumeId, request.stagingPath, signal);
  if (!targets.ok) return targets;
  if (targets.value.length > 0) return fail({ kind: "VolumeInUse", volumeId: request.volumeId, nodeName: ports.node.nodeName, users: targets.value });
  const found = await findVolume(ports, request.volumeId, signal);
  if (!found.ok) return found;
  const volume = found.value;
  if (volume !== undefined) {
    const ended = await endOwnWant(ports, request.volumeId, volume.metadata.name, signal);
    if (!ended.ok) return ended;
  }
  const unmounted = await ports.steps.run("unmount", () => ports.host.unmount(request.stagingPath, signal));
  if (!unmounted.ok) return unmounted;
  if (volume !== undefined) {
    const given = await giveVolume(ports, volume.metadata.name, signal);
    if (!given.ok) return given;
  }
  return forget(ports, request.volumeId, signal);
}

async function endOwnWant(ports: NodePorts, volumeId: string, volumeName: string, signal: AbortSignal): Promise<Result<void, Failure>> {
  const ended = await endWant(ports, { volumeId, nodeName: ports.node.nodeName, keepsPrimary: ports.settings.attach === "kubernetes" }, signal);
  if (!ended.ok) return ended;
  const fresh = await ports.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh.failure.kind === "ObjectNotFound" ? ok(undefined) : fresh;
  if (fresh.value.status?.record?.writer?.wanted !== true) return ok(undefined);
  const unwanted = await moveRecord(
    ports,
    { volumeName, nodeName: ports.node.nodeName, step: "end-want", justRead: fresh.value },
    (present) => unwant(present, ports.node),
    signal,
  );
  // Another node's want, or one that a controller was faster to end.
  return unwanted.ok || unwanted.failure.kind === "NotWriter" ? ok(undefined) : unwanted;
}

async function forget(ports: NodePorts, volumeId: string, signal: AbortSignal): Promise<Result<void, Failure>> {
  const note = ports.notes.volumes().find((other) => other.volumeId.toLowerCase() === volumeId.toLowerCase());
  return note === undefined ? ok(undefined) : ports.notes.remove(note.volumeName, signal);
}
