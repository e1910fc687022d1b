import type { AzDriverNode } from "../api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume } from "../api/az-volume.ts";
import { ATTACHMENTS_UNMARKED } from "../rollback/attachments-unmarked.ts";
import { COPYING } from "../volume/copies/copy-progress.ts";
import { FAILOVER_READY, plannedConditionTypes } from "../writer/plan-conditions.ts";
import { nodesIn } from "../writer/record/record-nodes.ts";
import { nodeConditionTypes } from "./node-conditions.ts";

/** Every condition of an AzVolume. */
export const volumeConditionTypes: readonly string[] = [
  ...plannedConditionTypes,
  "OfflineResize",
  ATTACHMENTS_UNMARKED,
  COPYING,
  "Converting",
];

/**
 * Whether a condition of an AzVolume is not as it should be: FailoverReady not True, Copying, which is False
 * where Azure has failed to fill the disk, any other True.
 */
export function isTrouble({ type, status }: { readonly type: string; readonly status: string }): boolean {
  if (type === COPYING) return true;
  return volumeConditionTypes.includes(type) && (status === "True") !== (type === FAILOVER_READY);
}

/** In what state a node may be. */
export const nodeStates = ["ready", "not-ready", "silent", "quarantine", "ignored"] as const;

type NodeState = (typeof nodeStates)[number];

/** How many objects have the same labels. A combination that no object has is left out. */
export type Counts<Label extends string> = readonly {
  readonly labels: Readonly<Record<Label, string>>;
  readonly count: number;
}[];

/** The objects to count, each kind read only where it is asked for. */
export interface CountedObjects {
  readonly volumes: () => readonly AzVolume[];
  readonly attachments: () => readonly AzVolumeAttachment[];
  readonly nodes: () => readonly AzDriverNode[];
  /** Those of them that make no VM a node. */
  readonly ignoredNodes: () => readonly unknown[];
  readonly isSilent: (node: AzDriverNode) => boolean;
}

export function countVolumes({ volumes }: CountedObjects): Counts<"state"> {
  return counted(volumes().map(({ status }) => ({ state: status?.state ?? "Pending" })));
}

/** Volumes with a condition that is not as it should be; one with several counts for each. */
export function countVolumeConditions({ volumes }: CountedObjects): Counts<"condition" | "reason"> {
  const wrong = volumes().flatMap(({ status }) => (status?.conditions ?? []).filter(isTrouble));
  return counted(wrong.map(({ type, reason }) => ({ condition: type, reason })));
}

/** Attachments by the role that is asked of them, and their state. */
export function countAttachments({ attachments }: CountedObjects): Counts<"role" | "state"> {
  return counted(
    attachments().map(({ spec, status }) => ({ role: spec.role, state: status?.state ?? "Pending" })),
  );
}

/** Nodes by their heartbeats; one in quarantine for a volume, or ignored, counts for that, too. */
export function countNodes({ volumes, nodes, ignoredNodes, isSilent }: CountedObjects): Counts<"state"> {
  const quarantined = new Set(
    volumes().flatMap(({ status }) => nodesIn(status?.record, "fenced").map(({ nodeName }) => nodeName)),
  );
  const states = [
    ...nodes().map((node): NodeState => {
      if (isSilent(node)) return "silent";
      return node.status?.readyForVolumeAllocation === true ? "ready" : "not-ready";
    }),
    ...Array.from(quarantined, (): NodeState => "quarantine"),
    ...ignoredNodes().map((): NodeState => "ignored"),
  ];
  return counted(states.map((state) => ({ state })));
}

/**
 * Nodes that report a condition, without its reason: a node's token may choose any, each a new label value.
 */
export function countNodeConditions({ nodes }: CountedObjects): Counts<"condition"> {
  const reported = nodes().flatMap(({ status }) =>
    (status?.conditions ?? []).filter(
      (condition) => nodeConditionTypes.includes(condition.type) && condition.status === "True",
    ),
  );
  return counted(reported.map(({ type }) => ({ condition: type })));
}

function counted<Label extends string>(all: readonly Readonly<Record<Label, string>>[]): Counts<Label> {
  const counts = new Map<string, Counts<Label>[number]>();
  for (const labels of all) {
    const key = JSON.stringify(labels);
    counts.set(key, { labels, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}
