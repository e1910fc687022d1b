import { basicProfileSkus } from "../../../src/core/volume/device/basic-profile.ts";
import {
  deviceSettingNames,
  deviceSettingPrefix,
  deviceSettings,
} from "../../../src/core/volume/device/device-settings.ts";
import {
  blockSizes,
  geometryNames,
  inodeRatios,
  inodeSizes,
  smallBlockMaxGiB,
} from "../../../src/core/volume/device/file-system-geometry.ts";
import {
  compatibilityParameterNames,
  metadataParameterNames,
  type VolumeParameterName,
  volumeParameterNames,
  volumeParameterTable,
} from "../../../src/core/volume/parameters/volume-parameter-table.ts";
import { attributeNames } from "../../../src/core/volume/parameters/volume-parameters.ts";
import { metadataTagNames } from "../../../src/core/volume/tags/volume-tags.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { allowedOf } from "./allowed-values.ts";
import { markdownTable } from "./markdown-table.ts";
import { compatibilityNotes, ownParameters, parameterNotes } from "./parameter-notes.ts";
import { parameterRows } from "./parameter-rows.ts";
import { refusedClasses } from "./refused-classes.ts";
import { performanceRows, skuRows } from "./sku-rows.ts";
import { storageClassExamples } from "./storage-class-examples.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and src/core/volume. Never edited by hand. -->

# StorageClass parameters

\`parameters\` of a StorageClass with \`provisioner: disk.csi.azure.com\`.

- Names are compared without case. A parameter that is given twice is refused.
- Values are texts: \`maxShares: "3"\`. They are spelled as below, except where a row says otherwise.
- An empty value counts as absent, except where a number is expected: it is refused there.
- Spaces around a value count, except around the names and values of \`tags\`.
- An unknown name or a wrong value fails CreateVolume with INVALID_ARGUMENT. The claim's event
  \`ProvisioningFailed\` names the parameter, the value and what is allowed.
- Parameters act when the disk is created. They are kept in \`volumeAttributes\` of the PersistentVolume.
`;

const REGIONS = `Not every region and zone offers every SKU, and a VM size may not take one (Ultra needs
\`ultraSSDEnabled\`). The driver does not check this: Azure refuses the creation or the attach, and the event
carries its answer.

Where a zone lacks the SKU, CreateVolume tries the next zone that is allowed: those of the nodes, or the
class's \`allowedTopologies\`, in the order of external-provisioner, which begins with the zone of the node that
the scheduler has chosen. The event \`OtherZone\` names both zones, and the pod is scheduled again, to the disk's
zone. After the last zone, and for a zone that is only full, one event \`CreationFailed\` names all zones that
were tried, and the answer is RESOURCE_EXHAUSTED: with
\`volumeBindingMode: WaitForFirstConsumer\` the scheduler chooses a node again. If only one zone is allowed and
lacks the SKU, the answer is INVALID_ARGUMENT. A zone is left out where it has nodes, and a pod
that names the claim may run on none of them: by its node selector, its node affinity, or the zones of its
other volumes. If no zone remains, the answer is RESOURCE_EXHAUSTED as well. The pods of a claim are known
once they exist, so with \`Immediate\` name the zones in \`allowedTopologies\`.`;

const SKU_COLUMNS = ["SKU", "GiB", "`maxShares` at most", "host cache if not shared", "attaches in"];
const PERFORMANCE_COLUMNS = [
  "SKU",
  "`DiskIOPSReadWrite`",
  "`DiskMBpsReadWrite`",
  "`LogicalSectorSize`",
  "`enableBursting`",
  "`enablePerformancePlus`",
];

const METADATA = `## Set by external-provisioner

With \`--extra-create-metadata\`, as the chart starts it.`;

const ext4Blocks = blockSizes
  .map((size) => {
    const maxGiB = smallBlockMaxGiB[size];
    return maxGiB === undefined ? `\`${size}\`` : `\`${size}\` up to ${maxGiB} GiB`;
  })
  .join("; ");
const xfsInodes = inodeSizes.filter((size) => size >= 512);

const FILE_SYSTEM = `## File system

${listOf(geometryNames)} become arguments of mkfs, and nothing else does.
Features of a file system can't be chosen: each node's kernel, check and growth has to know them.
So an XFS has no large extent counts, which Linux before 5.19 does not mount.

${markdownTable(
  ["file system", "`blockSize`", "`inodeSize`", "`bytesPerInode`"],
  [
    row("ext4", ext4Blocks, `${listOf(inodeSizes)}; at most \`blockSize\``, ratiosFrom(inodeRatios[0])),
    row("ext3, ext2", "`4096`", listOf(inodeSizes), ratiosFrom(4096)),
    row("xfs", listOf(blockSizes), `${listOf(xfsInodes)}; at most half of \`blockSize\``, "refused"),
    row("btrfs, ntfs, refs, raw block", "refused", "refused", "refused"),
  ],
)}

- \`bytesPerInode\` is at least \`blockSize\` and four times \`inodeSize\`, so that inodes take at most a
  quarter of the disk. A disk has less than \`bytesPerInode\` times 4 GiB, since no ext has 2^32 inodes.
- \`blockSize\` is at least a sector of the disk: with UltraSSD_LRS and PremiumV2_LRS, smaller blocks than
  4096 need \`LogicalSectorSize: "512"\`. No block is larger than 4096, the smallest page of a node's memory.
- Growth keeps to the same limits: an expansion beyond them is refused with OUT_OF_RANGE, before the disk
  grows. Small blocks of an ext4 have the limit of what mkfs reserves for growth. Beyond it, the kernel would
  have to change the layout of a file system in use (\`meta_bg\`).
- They act once, when the driver makes the file system on an empty disk. A copy of a snapshot or volume, and
  a file system that is on the disk of a static volume, keeps its own and is never formatted.
- A PersistentVolume may state them for an empty disk. They are checked at attach, and the limits by size on
  the node before mkfs; what can't be served is refused by name.`;

const DEVICE_SETTINGS = `## Device settings

With \`perfProfile: advanced\`, each parameter \`${deviceSettingPrefix}<path>\` states a value of a file below
the disk's folder in sysfs. No other paths are allowed.

${markdownTable(
  ["parameter", "allowed"],
  deviceSettingNames.map(
    (name) => `| \`${deviceSettingPrefix}${name}\` | ${allowedOf(deviceSettings[name])} |`,
  ),
)}

Those of \`queue/iosched\` exist under \`queue/scheduler\` \`mq-deadline\` alone.

\`perfProfile: basic\` computes \`device/queue_depth\`, \`queue/scheduler\`, \`queue/nr_requests\`,
\`queue/max_sectors_kb\` and \`queue/read_ahead_kb\` by V1's formula from the performance tier of
${basicProfileSkus.map((sku) => `\`${sku}\``).join(", ")}.
It leaves the disks of other SKUs as they are.
V1 also lowers them to the limits of the VM's size; here they are the same on each node.

- The node writes them after it has verified the disk, and before the mount. A repeated stage does so again.
- The unstage restores the earlier values. The node's checkpoint keeps them, so a restart of the node plug-in
  loses none. A detached disk takes its settings with it.
- Where a kernel or a disk does not take a value (its limits may be lower), the volume is served without that
  setting, and the event \`DeviceNotTuned\` names it. V1 fails NodeStageVolume.`;

const REFUSED = `## Classes of V1 that are refused

V1 takes these StorageClasses. Here CreateVolume answers INVALID_ARGUMENT, and its message names the
parameter. A class can't be edited: delete it and make it again under its name. Its volumes and
claims stay.`;

const STATIC = `## Static volumes

A PersistentVolume of an existing disk takes in \`spec.csi.volumeAttributes\`:
${listOf(attributeNames)}.
Azure reports its \`maxShares\`. A disk with V1's tag
\`writeacceleratorenabled\` is attached with write accelerator, unless the attribute says otherwise.
Of several PersistentVolumes of a disk, such as a new one after \`Retain\`, the one that a pod uses counts. Only
\`maxMountReplicaCount\` is taken when the driver first meets the disk: later, change it in the AzVolume.
Attributes that only shape a new disk have had their effect. An attach is refused by name for a value of
the attributes above that can't be read, but for \`writeAcceleratorEnabled\`: V1 takes any text for no. For
volumes that the V2 driver in Go has made, \`maxMountReplicaCount\` is read as there: any text counts as
\`maxShares\` - 1.
Attributes of V1 that only tune keep no data from its pods, since a PersistentVolume's attributes can't be
changed. \`perfProfile\` and
\`device-setting/<path>\` act as in a class, and the event \`DeviceNotTuned\` names what is not allowed or not
possible on the node.

With \`partition: "1"\`, the volume is that partition of the disk, as the kernel numbers it. The whole disk is
verified first ([device checks](device-checks.md#partitions)). A partition is not formatted, not expanded and
not tuned, and is no raw block volume.`;

function listOf(values: readonly (string | number)[]): string {
  return values.map((value) => `\`${value}\``).join(", ");
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function ratiosFrom(least: number): string {
  return `a power of two, \`${least}\` to \`${inodeRatios.at(-1)}\``;
}

/** The reference page of StorageClass parameters. */
export function storageClassPage(): GeneratedFile {
  const rowsOf = (names: readonly VolumeParameterName[]): string =>
    parameterRows(names, volumeParameterTable, parameterNotes);
  const inherited = volumeParameterNames.filter((name) => !ownParameters.includes(name));
  const sections = [
    INTRODUCTION,
    `## Replicas\n\n${rowsOf(ownParameters)}`,
    `## Disk\n\n${rowsOf(inherited)}`,
    `## Limits by SKU\n\n${markdownTable(SKU_COLUMNS, skuRows())}\n\n${REGIONS}`,
    `## Performance by SKU\n\n${markdownTable(PERFORMANCE_COLUMNS, performanceRows())}`,
    FILE_SYSTEM,
    DEVICE_SETTINGS,
    `## Accepted without effect\n\n${markdownTable(["parameter", "of"], compatibilityRows())}`,
    `${METADATA}\n\n${markdownTable(["parameter", "tag of the disk"], metadataRows())}`,
    `${REFUSED}\n\n${markdownTable(["class", "in V1", "here"], refusedRows())}`,
    STATIC,
    `## Examples\n\n${storageClassExamples.map(exampleText).join("\n\n")}`,
  ];
  return {
    path: "docs/reference/storage-class.md",
    content: `${sections.map((text) => text.trim()).join("\n\n")}\n`,
  };
}

function exampleText({ title, yaml }: (typeof storageClassExamples)[number]): string {
  return `${title}\n\n\`\`\`yaml\n${yaml}\`\`\``;
}

function refusedRows(): readonly string[] {
  return refusedClasses.map(({ what, inV1, instead }) => row(what, inV1, instead));
}

function compatibilityRows(): readonly string[] {
  return compatibilityParameterNames.map((name) => `| \`${name}\` | ${compatibilityNotes[name]} |`);
}

function metadataRows(): readonly string[] {
  return metadataParameterNames.map((name) => `| \`${name}\` | \`${metadataTagNames[name]}\` |`);
}
