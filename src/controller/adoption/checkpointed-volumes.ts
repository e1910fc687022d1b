import type { AzDriverNode, ReportedNode } from "../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { judgeCheckpoint } from "../../core/writer/judge-checkpoint.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/** A node that reports a checkpoint of a volume, and is believed. */
export interface CheckpointingNode {
  readonly node: ReportedNode;
  /** The highest epoch in its checkpoints; undefined: it reports one that is out of range. */
  readonly epoch: number | undefined;
  /** The checkpoint was made on another VM: it proves an epoch, but not that this node has the disk. */
  readonly isOfAnotherVm: boolean;
}

type CheckpointPorts = Pick<ControllerPorts, "cache" | "events">;

/** The nodes that report a checkpoint of a volume, as far as they are believed. The rest is reported. */
export function nodesWithCheckpoint(ports: CheckpointPorts, volume: AzVolume): readonly CheckpointingNode[] {
  const { name } = volume.metadata;
  const hasReported = (node: AzDriverNode): node is ReportedNode => node.status !== undefined;
  return ports.cache
    .byIndex("AzDriverNode", "checkpointed", name)
    .filter(hasReported)
    .flatMap((node): readonly CheckpointingNode[] => {
      const nodeName = node.metadata.name;
      const isExplained = (volumeName: string): boolean => isAttachedOrNamed(ports, volumeName, nodeName);
      const verdict = judgeCheckpoint(node.status.volumes, {
        volumeName: name,
        recordedEpoch: volume.status?.record?.epoch ?? 0,
        isExplained,
      });
      if (verdict?.objection !== undefined)
        emitIgnoredReport(ports, nodeName, `${verdict.objection} (${name})`);
      if (verdict?.kind !== "believed") return [];
      const own = node.status.volumes.filter((checkpoint) => checkpoint.volumeName === name);
      return [
        {
          node,
          epoch: verdict.epoch,
          isOfAnotherVm: own.every(({ checkpointedOn }) => checkpointedOn !== undefined),
        },
      ];
    });
}

function isAttachedOrNamed({ cache }: CheckpointPorts, volumeName: string, nodeName: string): boolean {
  const record = cache.get("AzVolume", volumeName)?.status?.record;
  if (isNamed(record, nodeName, "writer", "fencing", "quarantined", "clean", "unverified")) return true;
  return cache
    .byIndex("AzVolumeAttachment", "volumeName", volumeName)
    .some(({ spec }) => spec.nodeName === nodeName);
}

function emitIgnoredReport({ events }: CheckpointPorts, nodeName: string, objection: string): void {
  const message = `what ${nodeName} reports in its AzDriverNode is ignored in part: ${objection}`;
  events.emit({
    about: { kind: "Node", name: nodeName },
    reason: "ReportIgnored",
    message,
    localKey: "checkpoints",
  });
}
