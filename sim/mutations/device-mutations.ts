import type { Mutation } from "./mutation.ts";
import { formatCutOffAndLunFreedStorm, formatCutOffStorm, linksLagStorm, rawStandbysStorm } from "./storms.ts";

const STAGE_VOLUME = "src/node/stage-volume.ts";

/** Rules of the right device: where it is, and what is really on it. */
export const deviceMutations: readonly Mutation[] = [
  {
    name: "link-only",
    removes: "the kernel's address decides which device a LUN is, and no link may contradict it",
    edits: [
      {
        file: "src/core/host/choose-device.ts",
        find: `return [...new Map([...disks, ...linked].map(`,
        replace: `return [...new Map((disks.length < 0 ? linked : links.flatMap(({ device }) => (device === undefined ? [] : [device]))).map(`,
      },
    ],
    alsoRemoves: ["anothers-mount"],
    breaks: ["two-writers", "synced-data-lost", "csi-answer"],
    storm: linksLagStorm,
    takes: "a standby's disk is taken off while udev lags, and another volume's disk gets its name at another LUN",
    noticedBy: "src/core/host/choose-device.test.ts",
  },
  {
    name: "no-drop-cache",
    removes: "what a kernel cached of a disk while it stood by is dropped once its node is the writer",
    edits: [
      {
        file: STAGE_VOLUME,
        find: `some of them back.\n  const fresh = await ports.host.dropCachedBlocks(device, signal);`,
        replace: `some of them back.\n  const fresh = ok(undefined);`,
      },
    ],
    alsoRemoves: [],
    breaks: ["synced-data-lost"],
    storm: rawStandbysStorm,
    takes: "a raw disk moves to a standby whose kernel has read it before, and keeps its device open",
    noticedBy: "src/node/stage-volume.test.ts",
  },
  {
    name: "no-formatting-mark",
    removes: "a first format is announced before it begins",
    edits: [{ file: STAGE_VOLUME, find: `const began = await recordFormatting(ports, request, volume, signal);`, replace: `const began = ok(undefined);` }],
    alsoRemoves: [],
    breaks: ["not-converged"],
    storm: formatCutOffStorm,
    takes: "a plug-in is killed with its format command: what that left can't be told from other people's data",
    noticedBy: "src/node/stage-volume.test.ts",
  },
  {
    name: "format-anew-at-once",
    removes: "the rest of an unfinished format is erased only after the LUN was looked up in Azure once more",
    edits: [{ file: STAGE_VOLUME, find: `if (!ports.lunsReadAgain.delete(volumeName)) {`, replace: `if (ports.lunsReadAgain.delete(volumeName)) {` }],
    alsoRemoves: ["twins", "kept-luns"],
    breaks: ["formatted-data", "synced-data-lost"],
    storm: formatCutOffAndLunFreedStorm,
    takes: "a first format is cut off, its disk is taken off, and another volume's raw disk gets its LUN before anything is noticed",
    noticedBy: "src/node/stage-volume.test.ts",
  },
];
