import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { isReplica } from "../../../core/attachment/is-replica.ts";
import { isTerminating } from "../../../core/attachment/observed-volume.ts";
import { isGrantStanding } from "../../../core/attachment/replicas/others-stay.ts";
import type { ReplicaCondition } from "../../../core/attachment/replicas/replica-action.ts";
import { unreachable } from "../../../core/failure/invariant.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { isNamed } from "../../../core/writer/record/record-nodes.ts";
import type { ControllerPorts } from "../../controller-ports.ts";

type PremisePorts = Pick<ControllerPorts, "store" | "clusterVolumes" | "users">;

/**
 * What has become of a plan's premise: it holds; it does not, and the cache will soon show why; or a newer
 * plan has taken its place.
 */
export type Premise = "holds" | "planAgain" | "overtaken";

/**
 * Checks what a plan to delete a replica rests on by uncached reads. `readVolume` answers undefined where
 * the volume is gone. Fails where the store does not respond.
 */
export async function checkPremise(
  { clusterVolumes, store, users }: PremisePorts,
  condition: ReplicaCondition | undefined,
  readVolume: () => Promise<Result<AzVolume | undefined>>,
  signal: AbortSignal,
): Promise<Result<Premise>> {
  switch (condition?.kind) {
    case undefined:
      return ok("holds");
    case "NodeGone":
      return ok(holdsIf((await clusterVolumes.nodePresence(condition.nodeName, signal)) === "gone"));
    case "Unschedulable":
      return ok(holdsIf(await users.isUnschedulable(condition.nodeName, signal)));
    case "OutOfService":
      return ok(holdsIf(await users.isOutOfService(condition.nodeName, signal)));
    case "Unregistered": {
      const driverNode = await store.get("AzDriverNode", condition.nodeName, signal);
      if (!driverNode.ok && driverNode.failure.kind !== "ObjectNotFound") return driverNode;
      return ok(holdsIf(!driverNode.ok));
    }
    case "Quarantined": {
      const volume = await readVolume();
      if (!volume.ok) return volume;
      return ok(holdsIf(isNamed(volume.value?.status?.record, condition.node, "quarantined")));
    }
    case "Unrequested": {
      const volume = await readVolume();
      if (!volume.ok) return volume;
      const isSame = volume.value === undefined || volume.value.status?.unrequestedSince === condition.since;
      return ok(isSame ? "holds" : "overtaken");
    }
    case "OthersStay": {
      const nonReplicas = await readStaying(store, condition.nonReplicaNames, signal);
      if (!nonReplicas.ok) return nonReplicas;
      if (nonReplicas.value === undefined) return ok("planAgain");
      const replicas = await readStaying(store, condition.replicaNames, signal);
      if (!replicas.ok) return replicas;
      if (replicas.value === undefined) return ok("planAgain");
      const volume = await readVolume();
      if (!volume.ok) return volume;
      const record = volume.value?.status?.record;
      const isGranted = condition.grant === undefined || isGrantStanding(record, condition.grant);
      return ok(holdsIf(isGranted && !nonReplicas.value.some((other) => isReplica(record, other))));
    }
    default:
      return unreachable(condition);
  }
}

function holdsIf(isTrue: boolean): Premise {
  return isTrue ? "holds" : "planAgain";
}

/** Attachments by their names; undefined: one of them is gone or terminating. */
async function readStaying(
  store: ControllerPorts["store"],
  names: readonly string[],
  signal: AbortSignal,
): Promise<Result<readonly AzVolumeAttachment[] | undefined>> {
  const staying: AzVolumeAttachment[] = [];
  for (const name of names) {
    const read = await store.get("AzVolumeAttachment", name, signal);
    if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
    if (!read.ok || isTerminating(read.value)) return ok(undefined);
    staying.push(read.value);
  }
  return ok(staying);
}
