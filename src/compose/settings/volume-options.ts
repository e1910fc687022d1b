import { grouped, type Values } from "../../cli/options.ts";
import { WrongSetting } from "./wrong-setting.ts";

const HOUR_MS = 3_600_000;

/** The fields of `VolumeSettings`, for roles that run reconcilers. */
export const volumeOptions = grouped("Volumes", {
  unpublish: {
    kind: "choice",
    default: "demote",
    choices: ["demote", "detach"],
    help: "What ControllerUnpublishVolume does on volumes with replicas: demote leaves the disk as a replica",
  },
  "prune-replicas-after-ms": {
    kind: "number",
    default: 300_000,
    min: 0,
    max: 24 * HOUR_MS,
    help: "Replicas of a volume that no node has requested, and no pod used, for this time are detached",
  },
  "release-drained-after-ms": {
    kind: "number",
    default: 30_000,
    min: 0,
    max: 24 * HOUR_MS,
    help:
      "Replicas on a node that is cordoned, drained or about to be removed for this time are detached, " +
      "while their volume is published elsewhere, so that the node can be upgraded",
  },
  "replica-attach-tries": {
    kind: "number",
    default: 3,
    min: 1,
    max: 100,
    isWhole: true,
    help: "Tries to attach one replica before another node is chosen",
  },
  "heartbeat-stale-ms": {
    kind: "number",
    default: 35_000,
    min: 100,
    max: HOUR_MS,
    help: "A heartbeat that has not moved for this time and the delay that it states is stale",
  },
  "heartbeats-per-second": {
    kind: "number",
    default: 18,
    min: 0.01,
    max: 10_000,
    help:
      "Heartbeats of all nodes together: with more nodes than send so many, each sends its own later, " +
      "by 2 minutes at most",
  },
  "recall-grace-ms": {
    kind: "number",
    default: 1_000,
    min: 0,
    max: 600_000,
    help: "How long an unrequested holder may unmount by itself before it is recalled",
  },
  "recall-answer-ms": {
    kind: "number",
    default: 5_000,
    min: 10,
    max: HOUR_MS,
    help:
      "How long a node that is out of service, and still reports, may leave a recall unanswered, or mounts " +
      "bound for a workload that has gone, before it is fenced; and how long one in service may take to " +
      "unmount before that is reported",
  },
  "unmount-stall-ms": {
    kind: "number",
    default: 120_000,
    min: 1_000,
    max: 24 * HOUR_MS,
    help: "How long an unmount under recall may make no progress before the node is fenced",
  },
  "silent-nodes": {
    kind: "choice",
    default: "wait",
    choices: ["wait", "power-off"],
    help:
      "What happens to a node that writes to a volume, and whose kubelet and plug-in are silent while " +
      "Azure shows its VM as running, or as unknown. power-off: the controller powers the VM off, also " +
      "where its pods work and it is only cut off from the API server, and marks the node as one whose " +
      "VM is off. Not while half of the nodes, or of those in its zone, are silent. wait: a person " +
      "decides. On Kubernetes only, and with --stopped-nodes mark",
  },
  "power-off-after-ms": {
    kind: "number",
    default: 30_000,
    min: 15_000,
    max: 24 * HOUR_MS,
    help:
      "How long a heartbeat must have been stale before --silent-nodes power-off acts: longer than a node " +
      "takes to reboot, if it is to be awaited. Where its --heartbeat-ms is longer, that counts",
  },
  "offline-resize-ms": {
    kind: "number",
    default: 600_000,
    min: 1_000,
    max: 24 * HOUR_MS,
    help: "How long the expansion of a shared disk may hold grants back",
  },
});

/** For a program that reads no Nodes: it would accept the setting, and power no VM off. */
export function refusePowerOff({ silentNodes }: Pick<Values<typeof volumeOptions>, "silentNodes">): void {
  if (silentNodes === "power-off")
    throw new WrongSetting(
      '--silent-nodes: got "power-off" without Kubernetes; expected wait: no kubelet is heard of, and no ' +
        "pods are freed",
    );
}
