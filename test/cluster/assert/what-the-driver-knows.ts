import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";

const OBJECTS = "--namespace=azure-disk-csi";
const PLUG_INS = "--namespace=kube-system";
/** The newest log lines of each plug-in that name the volume: more would bury the error. */
const LOG_LINES_MAX = 25;

/**
 * Records and attachments of these volumes, and the plug-ins' log lines about them, for the error of a
 * failed test.
 */
export async function whatTheDriverKnows(lab: Lab, volumeNames: readonly string[]): Promise<string> {
  const volumes = await objects<AzVolume>(lab, "azvolumes");
  const attachments = await objects<AzVolumeAttachment>(lab, "azvolumeattachments");
  const lines = volumeNames.flatMap((name) => [
    `${name}: ${JSON.stringify(volumes.find(({ metadata }) => metadata.name === name)?.status?.record)}`,
    ...attachments
      .filter(({ spec }) => spec.volumeName === name)
      .map(({ spec, status }) => `  on ${spec.nodeName}: ${JSON.stringify({ ...spec, status })}`),
  ]);
  const pods = (
    await lab.kubectl([
      "get",
      "pods",
      PLUG_INS,
      "--selector=app in (csi-azuredisk-controller,csi-azuredisk-node)",
      "--output=name",
    ])
  )
    .split("\n")
    .filter((pod) => pod !== "");
  for (const pod of pods) {
    const log = await lab
      .kubectl(["logs", PLUG_INS, pod, "--container=azuredisk", "--since=5m"])
      .catch(String);
    const named = log.split("\n").filter((line) => volumeNames.some((name) => line.includes(name)));
    lines.push(`${pod}:`, ...named.slice(-LOG_LINES_MAX).map((line) => `  ${line}`));
  }
  return lines.join("\n");
}

async function objects<T>(lab: Lab, kind: string): Promise<readonly T[]> {
  return (
    JSON.parse(await lab.kubectl(["get", kind, OBJECTS, "--output=json"])) as { readonly items: readonly T[] }
  ).items;
}
