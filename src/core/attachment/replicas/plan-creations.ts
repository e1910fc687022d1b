import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { chooseReplicaNodes } from "../../schedule/choose-replica-nodes.ts";
import { isNamed } from "../../writer/record/record-nodes.ts";
import { isReplica } from "../is-replica.ts";
import {
  isGivenUp,
  isResizingOffline,
  isTerminating,
  keepsReplicas,
  maxSharesOf,
  oncePerVm,
  type ObservedVolume,
  recordOf,
} from "../observed-volume.ts";
import { isPrimaryServed } from "./is-primary-served.ts";
import type { ReplicaAction } from "./replica-action.ts";

/** Places missing replicas once the primary is served, as far as shares are free. */
export function planCreations(
  observed: ObservedVolume,
  kept: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  if (!keepsReplicas(observed.volume) || isResizingOffline(observed.volume) || !isPrimaryServed(observed))
    return [];
  const missing = Math.max(0, missingReplicas(observed, kept));
  // A deleting attachment holds its share until Azure has detached the disk; a replica whose every attempt
  // failed never got one. A possible writer's counts, as it does for surplus replicas: otherwise each
  // replica would be deleted as soon as it was created.
  const takesShare = (attachment: AzVolumeAttachment): boolean =>
    isTerminating(attachment) ||
    !isReplica(recordOf(observed), attachment) ||
    !isGivenUp(observed, attachment);
  const maxShares = maxSharesOf(observed.volume);
  const freeBeside = (attachments: readonly AzVolumeAttachment[]): number =>
    maxShares - oncePerVm(observed, attachments.filter(takesShare)).length;
  const sharesNow = freeBeside(observed.attachments.map(({ attachment }) => attachment));
  const sharesSoon = freeBeside(kept);
  const requested = Math.max(0, Math.min(missing, sharesNow));
  // Replicas that only wait for a free share are not missing.
  const waiting = Math.max(0, Math.min(missing, sharesSoon) - requested);
  const withoutPlace = missing - waiting;
  // A cluster has thousands of nodes: none is judged for replicas that wait for a share, as those of many
  // volumes do after a failover, or that the nodes of a shared volume leave none.
  if (withoutPlace === 0) return [];
  const { chosen, rejected } =
    requested === 0 ? { chosen: [], rejected: [] } : chooseReplicaNodes(observed, requested);
  // Missing replicas are reported once placement has ended: otherwise each node would be reported twice,
  // for two reasons.
  if (chosen.length > 0) return chosen.map((node) => ({ kind: "CreateReplica", nodeName: node.nodeName }));
  // Nor are those missing whose nodes have yet to show that they do not write, as after the record was lost.
  const unproven = kept.filter(
    ({ spec }) => spec.role === "Replica" && isNamed(recordOf(observed), spec.nodeName, "unverified"),
  ).length;
  const unplaced = withoutPlace - unproven;
  return unplaced > 0 ? [{ kind: "ReplicasMissing", missing: unplaced, rejected }] : [];
}

/** How many replicas more than these attachments are requested; negative where they are too many. */
export function missingReplicas(
  observed: Pick<ObservedVolume, "volume" | "settings">,
  kept: readonly AzVolumeAttachment[],
): number {
  const { spec, status } = observed.volume;
  const counted = kept.filter(
    (attachment) => isReplica(status?.record, attachment) && !isGivenUp(observed, attachment),
  );
  return spec.maxMountReplicaCount - counted.length;
}
