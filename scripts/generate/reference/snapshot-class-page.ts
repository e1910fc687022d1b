import {
  snapshotMetadataTags,
  type SnapshotParameterName,
  snapshotParameterTable,
} from "../../../src/core/volume/parameters/snapshot-parameters.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { markdownTable } from "./markdown-table.ts";
import { parameterRows } from "./parameter-rows.ts";
import { snapshotParameterNotes } from "./snapshot-parameter-notes.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and src/core/volume. -->

# VolumeSnapshotClass parameters

\`parameters\` of a VolumeSnapshotClass with \`driver: disk.csi.azure.com\`.

- Names are compared without case. A parameter that is given twice is refused.
- An empty value counts as absent.
- An unknown name or a wrong value fails CreateSnapshot with INVALID_ARGUMENT, which names the parameter, the
  value and what is allowed.`;

const STATES = `## What a snapshot is

- It has the disk's content of one moment, attached or not: [crash consistency](#crash-consistency).
- CreateSnapshot answers when the content is fixed. Of PremiumV2_LRS and UltraSSD_LRS disks Azure then copies
  it in the background. \`readyToUse\` is \`false\` until the copy has ended; no call waits for it, and
  csi-snapshotter asks again. Where the disk grows, Azure fails such a snapshot: an expansion waits for the
  copies of all snapshots that ListSnapshots shows or the driver has asked for, and a new snapshot for a
  growth. Other tools may not.
- In another region it is a copy of a snapshot \`local_<name>\` in the disk's region, which is deleted once the copy
  is complete. Disks can be made of it in its own region only
  ([0041](../adr/0041-copy-a-snapshot-to-another-region-from-a-source-beside-it.md)).
- It outlives its disk. Deleting the volume, or an older snapshot of the same disk, takes nothing from it.
  One that Azure still copies in the background depends on the disk, also where it is ready by instant access:
  DeleteVolume fails with FAILED_PRECONDITION until then, and names that snapshot.
- It is kept while Azure fills a volume's disk from it, for minutes to hours: DeleteSnapshot fails with
  FAILED_PRECONDITION until then, and names that disk and its percentage
  ([0068](../adr/0068-answer-a-copy-while-azure-fills-it.md)).
- Its handle is its resource id. Azure is the only place with its state
  ([0034](../adr/0034-keep-the-state-of-snapshots-in-azure.md)).
- A call for its name whose class names another region or resource group by now fails with ALREADY_EXISTS: a
  second snapshot would have the content of a later moment.
- The driver deletes a snapshot only if its tag \`disk.csi.azure.com-cluster-id\` names this cluster, or if V1 made
  it. To let \`deletionPolicy: Delete\` remove any other one, set that tag: the error has the command. So it is with
  backups that Velero synced from another cluster: the cluster that deletes them has to be the one of the tag.
- Snapshots of clusters that are gone are deleted where \`controller.settings.lost-cluster-id\` has their ids.
- ListSnapshots shows every snapshot in the cluster's resource group, in those of its volumes' disks, and in those
  that classes of their snapshots named, which the AzVolume notes (\`spec.snapshotGroups\`). One elsewhere is found by
  its id: in another subscription, or in a group that only a class named for a volume that is deleted.`;

const CONSISTENCY = `## Crash consistency

A snapshot of a mounted volume is *crash-consistent*: it is like the disk after a power cut at that moment.

| written before the moment | in the snapshot |
| --- | --- |
| and synced (\`fsync\`, \`O_DSYNC\`, a committed transaction of a database) | yes |
| and still in the node's cache: the kernel writes it back some 30 seconds later | perhaps, in any order |
| by the pod into two volumes | each volume at its own moment |

- The first mount of a volume made from it replays the journal of ext4 or xfs, as after a power cut. ext2 has
  no journal and is checked. A database then recovers by its own log.
- A program that relies on unsynced data, or on several files that change together, needs more: stop its
  writes and run \`sync\` until \`status.creationTime\` of its VolumeSnapshotContent is set, or delete the
  pod first.
- With \`fileSystemFreezeSeconds\` the node freezes the file system for the moment of the snapshot: all that was
  written is in it, synced or not. The pod's writes wait until then, for that long at most. A snapshot whose
  freeze did not last is deleted, and taken again with the next call. It needs a driver's node plug-in on Linux.
  Its journal has nothing to replay. The log of xfs still counts as dirty, as Linux leaves it in each freeze.
- A hook of a backup may freeze the file system itself (\`fsfreeze\`), and must thaw it: until then its pod can't
  end. The driver thaws it before its last unmount
  ([0047](../adr/0047-leave-freezes-for-snapshots-to-users-and-thaw-before-unmounts.md)). An XFS that loses its disk
  while a hook has it frozen opens for no thaw (Linux 6.5 and newer). As root on its machine,
  \`echo j >/proc/sysrq-trigger\` thaws it, with all other file systems there; else restart the machine.
- The snapshot of a volume that no pod uses has all that was written: unstaging has flushed and unmounted it.
- Of a raw block volume it has what the device has acknowledged as flushed.`;

const METADATA = `## Set by csi-snapshotter

With \`--extra-create-metadata\`.`;

const EXAMPLE = `## Example

\`\`\`yaml
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata:
  name: csi-azuredisk-vsc
driver: disk.csi.azure.com
deletionPolicy: Delete
parameters:
  resourceGroup: rg-backups
  tags: team=storage
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  name: azuredisk-volume-snapshot
spec:
  volumeSnapshotClassName: csi-azuredisk-vsc
  source:
    persistentVolumeClaimName: pvc-azuredisk
\`\`\``;

/** The reference page of VolumeSnapshotClass parameters. */
export function snapshotClassPage(): GeneratedFile {
  const names = Object.keys(snapshotParameterTable) as readonly SnapshotParameterName[];
  const metadata = Object.entries(snapshotMetadataTags).map(
    ([name, tag]) => `| \`${name}\` | ${tag === undefined ? "none" : `\`${tag}\``} |`,
  );
  const sections = [
    INTRODUCTION,
    `## Parameters\n\n${parameterRows(names, snapshotParameterTable, snapshotParameterNotes)}`,
    `${METADATA}\n\n${markdownTable(["parameter", "tag of the snapshot"], metadata)}`,
    STATES,
    CONSISTENCY,
    EXAMPLE,
  ];
  return { path: "docs/reference/volume-snapshot-class.md", content: `${sections.join("\n\n")}\n` };
}
