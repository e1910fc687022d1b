import {
  refusedSnapshotParameters,
  type SnapshotParameterName,
  snapshotMetadataTags,
  snapshotParameterTable,
} from "../../../src/core/volume/snapshot-parameter-table.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { allowedOf } from "./allowed-values.ts";
import { markdownTable } from "./markdown-table.ts";
import { snapshotParameterNotes } from "./snapshot-parameter-notes.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and src/core/volume. -->

# VolumeSnapshotClass parameters

\`parameters\` of a VolumeSnapshotClass with \`driver: disk.csi.azure.com\`.

- Names are compared without case. A parameter that is given twice is refused.
- An empty value counts as absent.
- An unknown name or a wrong value fails CreateSnapshot with INVALID_ARGUMENT, which names the parameter, the
  value and what is allowed.`;

const STATES = `## What a snapshot is

- It has the disk's content of one moment, attached or not. What the node has not written to the disk by then is
  not in it: a snapshot of a mounted volume is like the disk after a power cut.
- CreateSnapshot answers when the content is fixed. Of PremiumV2_LRS and UltraSSD_LRS disks Azure then copies
  it in the background. \`readyToUse\` is \`false\` until the copy has ended; no call waits for it, and
  csi-snapshotter asks again.
- It outlives its disk. Deleting the volume, or an older snapshot of the same disk, takes nothing from it.
- Its handle is its resource id. Azure is the only place with its state
  ([0034](../adr/0034-keep-the-state-of-snapshots-in-azure.md)).
- The driver deletes a snapshot only if its tag \`disk.csi.azure.com-cluster-id\` names this cluster, or if V1 made
  it. To let \`deletionPolicy: Delete\` remove any other one, set that tag.
- ListSnapshots shows every snapshot in the cluster's resource group and in those of its volumes' disks. One
  elsewhere is found by its id.`;

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
  const refused = Object.entries(refusedSnapshotParameters).map(
    ([name, reason]) => `| \`${name}\` | ${reason} |`,
  );
  const metadata = Object.entries(snapshotMetadataTags).map(
    ([name, tag]) => `| \`${name}\` | ${tag === undefined ? "none" : `\`${tag}\``} |`,
  );
  const sections = [
    INTRODUCTION,
    `## Parameters\n\n${parameterRows()}`,
    `## Refused: parameters of V1\n\n${markdownTable(["parameter", "reason: it"], refused)}`,
    `${METADATA}\n\n${markdownTable(["parameter", "tag of the snapshot"], metadata)}`,
    STATES,
    EXAMPLE,
  ];
  return { path: "docs/reference/volume-snapshot-class.md", content: `${sections.join("\n\n")}\n` };
}

function parameterRows(): string {
  const names = Object.keys(snapshotParameterTable) as readonly SnapshotParameterName[];
  return markdownTable(
    ["parameter", "allowed", "if absent", "meaning", "example", "in V1"],
    names.map((name) => {
      const { meaning, absent, example, inV1 } = snapshotParameterNotes[name];
      const allowed = allowedOf(snapshotParameterTable[name]);
      return `| \`${name}\` | ${allowed} | ${absent} | ${meaning} | \`${example}\` | ${inV1} |`;
    }),
  );
}
