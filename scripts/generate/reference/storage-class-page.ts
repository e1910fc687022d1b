import {
  compatibilityParameterNames,
  metadataParameterNames,
  volumeParameterNames,
} from "../../../src/core/volume/volume-parameter-names.ts";
import {
  type VolumeParameterName,
  volumeParameterTable,
} from "../../../src/core/volume/volume-parameter-table.ts";
import { metadataTagNames } from "../../../src/core/volume/volume-tags.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { allowedOf } from "./allowed-values.ts";
import { markdownTable } from "./markdown-table.ts";
import { compatibilityNotes, ownParameters, parameterNotes, refusedNotes } from "./parameter-notes.ts";
import { skuRows } from "./sku-rows.ts";
import { storageClassExamples } from "./storage-class-examples.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and src/core/volume. Never edited by hand. -->

# StorageClass parameters

\`parameters\` of a StorageClass with \`provisioner: disk.csi.azure.com\`.

- Names are compared without case. A parameter that is given twice is refused.
- Values are texts: \`maxShares: "3"\`. They are spelled as below, except where a row says otherwise.
- An empty value counts as absent, except for the two counts, which refuse it.
- An unknown name or a wrong value fails CreateVolume with INVALID_ARGUMENT. The claim's event
  \`ProvisioningFailed\` names the parameter, the value and what is allowed.
- Parameters act when the disk is created. They are kept in \`volumeAttributes\` of the PersistentVolume.
`;

const REGIONS = `Not every region and zone offers every SKU, and a VM size may not take one (Ultra needs
\`ultraSSDEnabled\`). The driver does not check this: Azure refuses the creation or the attach, and the event
carries its answer.`;

const SKU_COLUMNS = ["SKU", "GiB", "`maxShares` at most", "host cache if not shared", "attaches in"];
const REFUSED_COLUMNS = ["parameter", "V1's values", "V1's default", "a disk of this driver has"];

const METADATA = `## Set by external-provisioner

With \`--extra-create-metadata\`, as the chart starts it.`;

const REFUSED = `## Refused: parameters of V1

This version does not support them yet. A class that has one is refused by name: ignoring it would create
another disk than requested.`;

const STATIC = `## Static volumes

A PersistentVolume of an existing disk takes \`cachingMode\`, \`fsType\` and \`maxMountReplicaCount\` in
\`spec.csi.volumeAttributes\`; Azure reports its \`maxShares\`. Attributes that only shape a new disk are
ignored there, V1's included. Attributes that V1 applies at attach or mount, and that this version does not
serve, are refused when the volume is attached: \`partition\`, \`attachDiskInitialDelay\` other than 0,
\`writeAcceleratorEnabled\` other than \`false\`, \`perfProfile\` other than \`none\`, and
\`device-setting/<path>\`.`;

/** The reference page of StorageClass parameters. */
export function storageClassPage(): GeneratedFile {
  const inherited = volumeParameterNames.filter((name) => !ownParameters.includes(name));
  const sections = [
    INTRODUCTION,
    `## Replicas\n\n${parameterRows(ownParameters)}`,
    `## Disk\n\n${parameterRows(inherited)}`,
    `## Limits by SKU\n\n${markdownTable(SKU_COLUMNS, skuRows())}\n\n${REGIONS}`,
    `## Accepted without effect\n\n${markdownTable(["parameter", "of"], compatibilityRows())}`,
    `${METADATA}\n\n${markdownTable(["parameter", "tag of the disk"], metadataRows())}`,
    `${REFUSED}\n\n${markdownTable(REFUSED_COLUMNS, refusedRows())}`,
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

function parameterRows(names: readonly VolumeParameterName[]): string {
  return markdownTable(
    ["parameter", "allowed", "if absent", "meaning", "example", "in V1"],
    names.map((name) => {
      const { meaning, absent, example, inV1 } = parameterNotes[name];
      const allowed = allowedOf(volumeParameterTable[name]);
      return `| \`${name}\` | ${allowed} | ${absent} | ${meaning} | \`${example}\` | ${inV1} |`;
    }),
  );
}

function compatibilityRows(): readonly string[] {
  return compatibilityParameterNames.map((name) => `| \`${name}\` | ${compatibilityNotes[name]} |`);
}

function metadataRows(): readonly string[] {
  return metadataParameterNames.map((name) => `| \`${name}\` | \`${metadataTagNames[name]}\` |`);
}

function refusedRows(): readonly string[] {
  return Object.entries(refusedNotes).map(
    ([name, { values, inV1, here }]) => `| \`${name}\` | ${values} | ${inV1} | ${here} |`,
  );
}
