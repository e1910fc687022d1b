import { withoutLastLook, withoutLateList } from "../masks.ts";
import type { Mutation } from "../mutation.ts";
import {
  conversionsStorm,
  grownWhileWaitingStorm,
  modificationsStorm,
  refusedGrowthStorm,
} from "../storms.ts";

const MODIFY_DISK = "src/controller/disk/modify-disk.ts";

/** Rules about modifications and growth of disks (docs/adr/0042, 0052, 0062). */
export const modificationMutations: readonly Mutation[] = [
  {
    name: "modify-old-outcome",
    removes: "an outcome ends only the request of its own generation of the spec",
    edits: {
      file: "src/core/volume/modification/plan-modification.ts",
      find: `  if (outcome?.observedGeneration !== metadata.generation)`,
      replace: `  if (outcome === undefined)`,
    },
    breaks: ["not-converged"],
    storm: modificationsStorm,
    takes: "a volume is modified twice",
    noticedBy: "src/core/volume/modification/plan-modification.test.ts",
  },
  {
    name: "modify-trusted",
    removes: "ControllerModifyVolume has Azure asked also where the object says that nothing differs",
    edits: {
      file: "src/csi/controller/modify-volume.ts",
      find: `  if (Object.keys(change.value).length === 0) return ok({});`,
      replace:
        `  if (Object.entries(change.value).every(([name, value]) => typeof value === "object" || ` +
        `spec.disk[name as "skuName"] === value)) return ok({});`,
    },
    breaks: ["not-converged"],
    storm: modificationsStorm,
    takes: "a user goes back to the old class while Azure makes the new one",
    noticedBy: "src/csi/controller/modify-volume.test.ts",
  },
  {
    name: "modify-unread",
    removes: "the spec's disk shows what Azure has once a modification has ended",
    edits: {
      file: MODIFY_DISK,
      find: `  const shown = disk.ok && otherDiskThan(`,
      replace: `  const shown = disk.ok && diskUri === "" && otherDiskThan(`,
    },
    breaks: ["not-converged", "spinning"],
    storm: modificationsStorm,
    takes: "a volume is modified",
    noticedBy: MODIFY_DISK.replace(".ts", ".test.ts"),
  },
  {
    name: "modify-late",
    removes: "a change that landed after the end of a later one is found in the list of disks, and replaced",
    edits: withoutLateList,
    alsoRemoves: ["last-look"],
    breaks: ["not-converged"],
    storm: modificationsStorm,
    takes: "a leader ends after it has sent a change, which lands after the user has gone back",
    noticedBy: "src/controller/disk/keep-modification.test.ts",
  },
  {
    name: "modify-look",
    removes: "a modified disk is read once more, however rarely recovery lists it",
    edits: withoutLastLook,
    alsoRemoves: ["late-list"],
    breaks: ["not-converged"],
    storm: modificationsStorm,
    takes: "a leader ends after it has sent a change, which lands after the user has gone back",
    noticedBy: "src/core/volume/modification/late-modification.test.ts",
  },
  {
    name: "grown-while-converting",
    removes: "no growth is asked of a disk whose data Azure moves in the background: its call is repeated",
    edits: {
      file: "src/provisioner/disk/disks.ts",
      find: `  if (copying !== undefined) return fail(copying);`,
      replace: `  if (copying !== undefined && diskUri === "") return fail(copying);`,
    },
    breaks: ["csi-answer"],
    storm: conversionsStorm,
    shownBy: 2,
    takes: "a volume is grown while Azure converts its disk to Premium SSD v2",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "grown-beside-pods",
    removes: "no growth takes a shared disk's replicas while a pod waits for the volume",
    edits: [
      {
        file: "src/core/volume/plan-disk.ts",
        find: `  const [pod] = observed.pods() ?? [];
`,
        replace: `  const [pod] = (observed.pods() ?? []).slice(0, 0);
`,
      },
      {
        file: "src/csi/controller/expand-volume.ts",
        find: `return ok(pods?.length === 0 ? undefined :`,
        replace: `return ok(pods !== undefined ? undefined :`,
      },
    ],
    alsoRemoves: ["needed-in-growth"],
    breaks: ["replica-removed"],
    storm: grownWhileWaitingStorm,
    shownBy: 2,
    takes: "a volume with replicas is grown while its pod finds no node",
    noticedBy: "src/core/volume/plan-disk.test.ts",
  },
  {
    name: "growth-kept",
    removes: "a size that Azure grants no disk in use is refused with a final status",
    edits: {
      file: "src/controller/disk/grow-disk.ts",
      find: `signal, isInUse ? { isFinal: true } : {});`,
      replace: `signal, isInUse && false ? { isFinal: true } : {});`,
    },
    breaks: ["not-converged"],
    storm: refusedGrowthStorm,
    takes: "a claim asks for more than 4,095 GiB while a pod uses the disk, and then for less",
    noticedBy: "src/controller/disk/disk-reconciler.test.ts",
  },
  {
    name: "quota-uncertain",
    removes: "a quota that is used up ends the change of a disk with a final status",
    edits: {
      file: "src/provisioner/arm/error-table.ts",
      find: `  return diskUri === undefined || nodeName !== undefined
`,
      replace: `  return diskUri === undefined || nodeName !== undefined || diskUri !== ""
`,
    },
    breaks: ["csi-answer"],
    storm: refusedGrowthStorm,
    takes: "a claim asks for more while a quota is used up, and then for less",
    noticedBy: "src/provisioner/arm/error-table.test.ts",
  },
  {
    name: "refused-size-kept",
    removes: "a size that was refused for good gives way to a smaller one",
    edits: {
      file: "src/csi/controller/request-size.ts",
      find: `const isCovered = spec.disk.sizeGiB > sizeGiB && !isGrowthRefused(present);`,
      replace: `const isCovered = spec.disk.sizeGiB > sizeGiB;`,
    },
    breaks: ["not-converged"],
    storm: refusedGrowthStorm,
    takes: "a claim whose growth was refused is lowered",
    noticedBy: "src/csi/controller/expand-volume.test.ts",
  },
];
