import { withoutConfirmation } from "../masks.ts";
import type { Mutation } from "../mutation.ts";
import {
  formatCutOffAndLunFreedStorm,
  formatCutOffStorm,
  linksLagStorm,
  rawReplicasStorm,
  restoredClustersStorm,
  unnoticedRestoresStorm,
} from "../storms.ts";

const STAGE_ACQUIRED = "src/node/stage/stage-acquired.ts";
const PREPARE_FILE_SYSTEM = "src/node/stage/prepare-file-system.ts";

/** Rules about the right device: its location and its content. */
export const deviceMutations: readonly Mutation[] = [
  {
    name: "link-only",
    removes: "the kernel's address decides which device a LUN is, and no link may contradict it",
    edits: {
      file: "src/core/node/device/choose-device.ts",
      find: `return [...new Map([...disks, ...linked].map(`,
      replace:
        "return [...new Map((disks.length < 0 ? linked : links.flatMap(({ device }) => (device === " +
        "undefined ? [] : [device]))).map(",
    },
    alsoRemoves: ["anothers-mount", "confirmed-disk"],
    breaks: ["two-writers", "synced-data-lost", "csi-answer"],
    storm: linksLagStorm,
    takes:
      "a replica's disk is detached while udev lags, and another volume's disk gets its name at another LUN",
    noticedBy: "src/core/node/device/choose-device.test.ts",
  },
  {
    name: "raw-by-lun",
    removes: "the VM's instance metadata, or a controller, confirms which disk a raw or blank one is",
    edits: withoutConfirmation,
    breaks: ["csi-answer", "synced-data-lost", "two-writers"],
    storm: unnoticedRestoresStorm,
    shownBy: 40,
    takes:
      "a backup is restored while no controller runs, and a node that has kept nothing since had the disk " +
      "at a LUN that another volume's disk has by now",
    noticedBy: "src/node/stage/confirm-disk.test.ts",
  },
  {
    name: "no-drop-cache",
    removes: "what a kernel cached of a disk while it stood by is dropped once its node is the writer",
    edits: {
      file: STAGE_ACQUIRED,
      find: `some of them back.\n  const dropped = await ports.host.dropCachedBlocks(device, signal);`,
      replace: `some of them back.\n  const dropped = ok(undefined);`,
    },
    breaks: ["synced-data-lost"],
    storm: rawReplicasStorm,
    takes: "a raw disk moves to a replica whose kernel has read it before, and keeps its device open",
    noticedBy: "src/node/stage/stage-volume.test.ts",
  },
  {
    name: "staged-below-pod",
    removes: "a stage removes no live staging mount of a volume that a pod uses",
    edits: [
      {
        file: "src/node/stage/stage-volume.ts",
        find: `const [target] = used.value.bound;`,
        replace: `const [target] = used.value.bound.slice(used.value.bound.length);`,
      },
      {
        file: "src/node/stage/mount-state.ts",
        find: `return targets.ok ? ok(targets.value.bound[0]) : targets;`,
        replace: `return targets.ok ? ok(undefined) : targets;`,
      },
    ],
    breaks: ["healthy-writer-cut-off"],
    storm: restoredClustersStorm,
    shownBy: 2,
    takes:
      "a kubelet is restarted after a backup of etcd was restored, and its node's cache, or the " +
      "attachment, is older than the rebuilt record",
    noticedBy: "src/node/stage/stage-place.test.ts",
  },
  {
    name: "no-formatting-mark",
    removes: "the disk is marked before its first format begins",
    edits: {
      file: PREPARE_FILE_SYSTEM,
      find:
        `const marked = await host.` +
        `writeFormatMark({ device, fsType, mark: { diskUri, uuid } }, signal);`,
      replace: `const marked = ok(undefined);`,
    },
    breaks: ["not-converged"],
    storm: formatCutOffStorm,
    takes:
      "a plug-in is killed with its format command: what that left cannot be distinguished from other " +
      "clients' data",
    noticedBy: "src/node/stage/prepare-file-system.test.ts",
  },
  {
    name: "mark-outlives-mount",
    removes: "the mark of a first format is erased before the first mount",
    edits: {
      file: PREPARE_FILE_SYSTEM,
      find:
        `const erased = await ports.host.eraseFormatMark({ device, diskUri }, signal);\n` +
        `  if (!erased.ok) return erased;\n  return recordFirstUse`,
      replace: `return recordFirstUse`,
    },
    breaks: ["formatted-data"],
    storm: formatCutOffStorm,
    takes: "a volume is mounted for the first time",
    noticedBy: "src/node/stage/prepare-file-system.test.ts",
  },
  {
    name: "any-rest",
    removes: "data without a signature counts as the rest of a first format only with the mark on the disk",
    edits: {
      file: "src/core/node/file-system/plan-file-system.ts",
      find: `      if (mark !== undefined && content.hasNoSignature === true)
        return { kind: "MakeAgain", uuid: mark.uuid };
`,
      replace: `      if (content.hasNoSignature === true && formatted === undefined)
        return { kind: "MakeAgain", uuid: observed.diskUri };
`,
    },
    alsoRemoves: ["twins", "kept-luns"],
    breaks: ["formatted-data", "synced-data-lost"],
    storm: formatCutOffAndLunFreedStorm,
    shownBy: 3,
    takes:
      "a first format is interrupted, its disk is detached, and another volume's raw disk gets its LUN " +
      "before the node notices",
    noticedBy: "src/core/node/file-system/plan-file-system.test.ts",
  },
];
