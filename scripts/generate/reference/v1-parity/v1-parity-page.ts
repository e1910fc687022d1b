import type { GeneratedFile } from "../../generated-file.ts";
import { claimsOfAksDisk, claimsOfAksDrivers, claimsOfDeepDive, claimsOfV2 } from "./document-parity.ts";
import { environmentParity, flagParity } from "./flag-parity.ts";
import { controllerParity, nodeParity, objectParity, pluginParity } from "./kubernetes-parity.ts";
import { attributeParity, modificationParity, parameterParity, snapshotParity } from "./parameter-parity.ts";
import { parityTable } from "./parity-row.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference/v1-parity and the tables that the driver reads. -->

# Parity with V1

Every name of the V1 driver (release 1.34, and its main branch of 22 August 2026), and every claim of the
documents about it and about V2.

| here | means |
| --- | --- |
| yes | it acts as in V1, or better |
| built | so it should act, but it has not been run on Windows yet |
| renamed | V1's flag is refused; what has its place is named |
| not needed | V1's flag is refused; remove it: what it asks for is so in any case |
| refused | it is not served, for the reason that is given |

A refused name is refused where it is stated, and the message has the reason, except where its row says
otherwise. The tests hand each parameter and flag to the code that reads it.
[Install](../install.md#values-of-v1-that-are-gone) has the values of V1's chart.`;

const FLAGS = `## Flags

Of the driver's container, such as \`controller.extraArgs\` of V1's chart.`;

/** The reference page of what V1 has. */
export function v1ParityPage(): GeneratedFile {
  const sections = [
    INTRODUCTION,
    `## StorageClass parameters\n\n${parityTable("parameter", parameterParity())}`,
    `## PersistentVolumes\n\n${parityTable("attribute", attributeParity)}`,
    `## VolumeSnapshotClass parameters\n\n${parityTable("parameter", snapshotParity())}`,
    `## VolumeAttributesClass parameters\n\n${parityTable("parameter", modificationParity)}`,
    `${FLAGS}\n\n${parityTable("flag of V1", flagParity())}`,
    `## Environment and azure.json\n\n${parityTable("name", environmentParity)}`,
    `## Annotations, labels, taints\n\n${parityTable("name", objectParity)}`,
    `## CSI\n\n### Plug-in\n\n${parityTable("call or capability", pluginParity)}`,
    `### Controller\n\n${parityTable("call or capability", controllerParity)}`,
    `### Node\n\n${parityTable("call or capability", nodeParity)}`,
    `## The documents\n\n### Azure Disk CSI Driver V2\n\n${parityTable("claim", claimsOfV2)}`,
    `### Use the Azure Disk CSI driver in AKS\n\n${parityTable("claim or step", claimsOfAksDisk)}`,
    `### CSI drivers in AKS\n\n${parityTable("claim or step", claimsOfAksDrivers)}`,
    `### Kubernetes CSI deep dive\n\n${parityTable("claim or step", claimsOfDeepDive)}`,
  ];
  return { path: "docs/reference/v1-parity.md", content: `${sections.join("\n\n")}\n` };
}
