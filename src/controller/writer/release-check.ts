import type { AzVolume } from "../../core/api/az-volume.ts";
import { isSameNode, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import { beginFence, withdraw, renew } from "../../core/writer/record/writer-steps.ts";
import { updateRecord } from "../../objects/update-record.ts";
import type { ControllerPorts } from "../controller-ports.ts";

export type ReleaseCheckResult =
  | { readonly kind: "unused"; readonly volume: AzVolume }
  | { readonly kind: "stillUsed"; readonly use: VolumeUse };

interface CheckedWriter {
  readonly volumeName: string;
  readonly volumeId: string;
  readonly node: NodeIdentity;
  /** Where it is unused, its fence begins. Default false. */
  readonly fences?: boolean;
}

type ReleasePorts = Pick<ControllerPorts, "store" | "steps" | "users">;

/**
 * The release check: does a workload still use the volume on its writer's node? Each of these steps, in
 * this order, keeps a healthy writer from being fenced:
 * - withdraw the writer's request;
 * - read the record uncached (version v);
 * - check for users past every cache;
 * - with `fences`, begin the fence only on version v.
 *
 * A user that came in between was either seen, or has moved the record past v by renewing the request.
 * `unused`: the request is withdrawn, and the writer's node has no user. The writer remains: the plan revokes
 * it or recalls it, and knows the VMs whose node name another VM has. `stillUsed`: the request is renewed.
 */
export async function releaseCheck(
  ports: ReleasePorts,
  request: CheckedWriter,
  signal: AbortSignal,
): Promise<Result<ReleaseCheckResult>> {
  const { volumeName, node, fences = false } = request;
  const checked = await askUsers(ports, request, signal);
  if (!checked.ok || checked.value.kind === "stillUsed" || !fences) return checked;
  const onlyAtVersion = checked.value.volume.metadata.resourceVersion;
  const updated = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "begin-fence", onlyAtVersion },
    (record) => beginFence(record, node),
    signal,
  );
  return updated.ok ? ok({ kind: "unused", volume: updated.value }) : updated;
}

async function askUsers(
  ports: ReleasePorts,
  request: CheckedWriter,
  signal: AbortSignal,
): Promise<Result<ReleaseCheckResult>> {
  const { volumeName, volumeId, node } = request;
  // A first check that writes nothing: with a user, or without an answer, withdrawing and renewing would
  // wake every watcher in vain.
  const seen = await ports.users.on({ nodeName: node.nodeName, volumeId }, signal);
  if (seen.kind !== "unused") return stillUsed(ports, request, seen, signal);
  const withdrawn = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "withdraw" },
    (record) => withdraw(record, node),
    signal,
  );
  if (!withdrawn.ok && withdrawn.failure.kind !== "NotWriter") return withdrawn;
  const fresh = await ports.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh;
  const writer = fresh.value.status?.record?.writer;
  // The volume was released or requested again between the two calls: there is nothing to check any more.
  if (writer === undefined || writer.requested || !isSameNode(writer, node))
    return ok({ kind: "stillUsed", use: { kind: "unknown" } });
  const use = await ports.users.on({ nodeName: node.nodeName, volumeId }, signal);
  return use.kind === "unused"
    ? ok({ kind: "unused", volume: fresh.value })
    : stillUsed(ports, request, use, signal);
}

async function stillUsed(
  ports: ReleasePorts,
  { volumeName, node }: CheckedWriter,
  use: VolumeUse,
  signal: AbortSignal,
): Promise<Result<ReleaseCheckResult>> {
  const renewed = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "request" },
    (record) => renew(record, node),
    signal,
  );
  // The node may have released the volume concurrently: then there is no request to renew.
  if (!renewed.ok && renewed.failure.kind !== "NotWriter") return renewed;
  return ok({ kind: "stillUsed", use });
}
