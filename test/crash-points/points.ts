import type { StepName } from "../../src/ports/steps.ts";
import { cloned, restored } from "./copied-lives.ts";
import { frozen } from "./frozen-snapshot.ts";
import { grown } from "./grown-with-replicas.ts";
import {
  abandoned,
  fenced,
  type Life,
  lost,
  moved,
  recalled,
  snapshotted,
  type Trial,
  unused,
} from "./lives.ts";
import { tuned } from "./tuned-device.ts";

/** A point at which a process kills itself, and a lifecycle of a volume that passes it. */
export interface CrashPoint {
  readonly process: "controller" | "node-a" | "node-b";
  /** `during`: with its command, in the middle of a format, or with a file system that stays frozen. */
  readonly when: "after" | "before" | "during";
  readonly step: StepName;
  readonly life: { readonly name: string; readonly run: Life };
  readonly fsType: Trial["fsType"];
}

const passages: readonly {
  readonly process: CrashPoint["process"];
  readonly life: CrashPoint["life"];
  readonly steps: readonly StepName[];
  /** Default: ext4. */
  readonly fsType?: CrashPoint["fsType"];
}[] = [
  {
    process: "controller",
    life: { name: "is created, modified, grown and deleted", run: unused },
    steps: [
      "create-object",
      "create-disk",
      "record-created",
      "modify-disk",
      "end-modification",
      "resize-disk",
      "mark-delete",
      "delete-disk",
      "remove-volume",
    ],
  },
  {
    process: "controller",
    life: { name: "has snapshots here and in another region", run: snapshotted },
    steps: ["take-snapshot", "copy-snapshot", "delete-copy-source", "delete-snapshot"],
  },
  {
    process: "controller",
    life: { name: "is restored from a snapshot, larger", run: restored },
    steps: ["create-object", "create-disk", "record-created", "delete-snapshot"],
  },
  {
    process: "node-b",
    life: { name: "is restored from a snapshot, larger", run: restored },
    steps: ["mount"],
  },
  {
    process: "controller",
    life: { name: "is cloned while it is in use, and deleted", run: cloned },
    steps: ["create-object", "create-disk", "record-created", "delete-disk"],
  },
  {
    process: "controller",
    life: { name: "is moved in good order", run: moved },
    steps: [
      "request",
      "label-nodes",
      "grant",
      "attach",
      "record-attached",
      "create-replica",
      "promote",
      "withdraw",
      "revoke",
      "demote",
      "detach",
      "remove-attachment",
    ],
  },
  {
    process: "controller",
    life: { name: "has a snapshot of its frozen file system", run: frozen },
    steps: ["request-freeze", "take-snapshot", "end-freeze", "confirm-snapshot"],
  },
  {
    process: "node-a",
    life: { name: "has a snapshot of its frozen file system", run: frozen },
    steps: ["freeze", "answer-freeze", "thaw"],
  },
  { process: "controller", life: { name: "is recalled", run: recalled }, steps: ["recall"] },
  {
    process: "controller",
    life: { name: "is fenced off a frozen node", run: fenced },
    steps: ["begin-fence", "fence", "end-fence"],
  },
  {
    process: "node-a",
    life: { name: "is moved in good order", run: moved },
    steps: ["heartbeat", "acquire", "checkpoint", "format", "mount", "withdraw", "unmount", "release"],
  },
  {
    process: "node-a",
    life: { name: "is recalled", run: recalled },
    steps: ["answer-recall", "unmount", "release"],
  },
  {
    process: "controller",
    life: { name: "is found attached by a store that knows nothing", run: abandoned },
    steps: ["record-found", "record-created"],
  },
  {
    process: "node-a",
    life: { name: "is found in use by a store that knows nothing", run: lost },
    steps: ["reclaim"],
  },
  {
    process: "node-b",
    life: { name: "is found in use by a store that knows nothing", run: lost },
    steps: ["prove-clean"],
  },
  {
    process: "node-a",
    life: { name: "is fenced off a frozen node", run: fenced },
    steps: ["unmount", "prove-clean"],
  },
  // What a step of a btrfs leaves behind is found by other means: its mounts show no device, and no tool
  // checks it.
  {
    process: "node-a",
    life: { name: "is moved in good order", run: moved },
    steps: ["format", "mount", "unmount", "release"],
    fsType: "btrfs",
  },
  {
    process: "node-a",
    life: { name: "is fenced off a frozen node", run: fenced },
    steps: ["unmount", "prove-clean"],
    fsType: "btrfs",
  },
  {
    process: "node-a",
    life: { name: "with settings of its device is moved in good order", run: tuned },
    steps: ["apply-settings", "restore-settings"],
  },
  {
    process: "node-a",
    life: { name: "is found in use by a store that knows nothing", run: lost },
    steps: ["reclaim"],
    fsType: "btrfs",
  },
  {
    process: "node-a",
    life: { name: "is recalled", run: recalled },
    steps: ["unmount"],
    fsType: "btrfs",
  },
  {
    process: "node-b",
    life: { name: "is restored from a snapshot, larger", run: restored },
    steps: ["mount"],
    fsType: "btrfs",
  },
  // XFS is mounted beside a copy of it by an option, and replays its log in the mount.
  {
    process: "node-b",
    life: { name: "is cloned while it is in use, and deleted", run: cloned },
    steps: ["mount"],
    fsType: "xfs",
  },
  {
    process: "node-a",
    life: { name: "is moved in good order", run: moved },
    steps: ["format", "mount"],
    fsType: "xfs",
  },
  {
    process: "node-a",
    life: { name: "is fenced off a frozen node", run: fenced },
    steps: ["unmount"],
    fsType: "xfs",
  },
  {
    process: "controller",
    life: { name: "grows with replicas", run: grown },
    steps: [
      "request-size",
      "begin-offline-resize",
      "delete-replica",
      "detach",
      "remove-attachment",
      "resize-disk",
      "record-updated",
    ],
  },
  {
    process: "controller",
    life: { name: "is created, modified, grown and deleted", run: unused },
    steps: ["request-modification"],
  },
];

/**
 * Before and after each step, in each process that does it; and in the middle of the two steps that can
 * stay unfinished.
 */
export const crashPoints: readonly CrashPoint[] = [
  ...passages.flatMap(({ process, life, steps, fsType = "ext4" }) =>
    steps.flatMap((step) =>
      (["before", "after"] as const).map((when) => ({ process, when, step, life, fsType })),
    ),
  ),
  ...(["ext4", "btrfs", "xfs"] as const).map((fsType) => ({
    process: "node-a" as const,
    when: "during" as const,
    step: "format" as const,
    life: { name: "is moved in good order", run: moved },
    fsType,
  })),
  {
    process: "node-a",
    when: "during",
    step: "freeze",
    life: { name: "has a snapshot of its frozen file system", run: frozen },
    fsType: "ext4",
  },
];
