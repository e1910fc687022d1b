import { mutableParameterNames } from "../../../src/core/volume/modification/volume-modification.ts";
import { volumeParameterTable } from "../../../src/core/volume/parameters/volume-parameter-table.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { parameterNotes } from "./parameter-notes.ts";
import { changeRows } from "./parameter-rows.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from scripts/generate/reference and src/core/volume. -->

# VolumeAttributesClass parameters

\`parameters\` of a VolumeAttributesClass with \`driverName: disk.csi.azure.com\`. Kubernetes has the API from
1.34 on; on older versions csi-provisioner and csi-resizer ignore classes.

- A claim that is made with a class gets a disk with its parameters. They take precedence over the
  StorageClass.
- A claim whose class is changed gets its disk changed, under a running pod where Azure allows that.
- Names and values are read as in a [StorageClass](storage-class.md). What a class does not
  state stays as the disk has it; for a new disk the StorageClass or its defaults decide.
- A wrong name or value, and a change that Azure never makes, fail with INVALID_ARGUMENT: the claim's
  \`modifyVolumeStatus\` is \`Infeasible\`.
- A change that Azure refuses for now (too many in a day, a VM that has the disk) fails too, and csi-resizer
  asks again after a while. The disk stays as it was, so the claim may name its old class again. One that had
  none names a class with what the disk has: without a class csi-resizer repeats its last request. The event
  \`ModificationFailed\` has Azure's words.`;

const LIMITS = `## Which changes are possible

| SKU | to | while a VM has the disk |
| --- | --- | --- |
| Standard_LRS, StandardSSD_LRS, Premium_LRS | each other | no |
| the same | PremiumV2_LRS | yes, if the volume has \`cachingMode: None\` and is not shared |
| the same, of a regional disk | StandardSSD_ZRS, Premium_ZRS | no |
| StandardSSD_ZRS, Premium_ZRS | each other | no |
| PremiumV2_LRS, UltraSSD_LRS | none | |

- Azure changes a SKU twice a day, and IOPS and MB/s four times, the creation of the disk included. One change
  more ends with \`FAILED_PRECONDITION\`: the disk stays as it is, and the claim may go back to its old class.
  Otherwise csi-resizer asks again. IOPS and MB/s change while a VM has the disk.
- A VM caches the disk of a volume whose \`cachingMode\` is ReadOnly, ReadWrite or not stated. Such a disk
  becomes a PremiumV2_LRS once no VM has it: until then the change ends with \`FAILED_PRECONDITION\`, which
  names the VM. End the pod, and csi-resizer asks again. From then on the disk is attached without a cache.
  A disk that bursts on demand (\`enableBursting\`), or with two keys (\`diskEncryptionType\`), becomes no
  PremiumV2_LRS. Azure ends the bursting of one that becomes another SKU without it, and other clients may
  end it.
- \`networkAccessPolicy\` and \`publicNetworkAccess\` change at any time. \`AllowPrivate\` is possible only
  where the disk was made with \`diskAccessID\`, and such a disk keeps it.
- Azure moves the data of a disk that becomes a PremiumV2_LRS in the background, for hours. The change has
  succeeded once Azure has accepted it. The disk is slower until the move has ended, and does not grow.
  The condition \`Converting\` of the AzVolume and events of the claim show the progress.
- A shared disk keeps the limits of its new SKU on \`maxShares\`. Its replicas are not detached for a change:
  they leave 5 minutes after the last pod of the volume has ended (\`--prune-replicas-after-ms\`). To change
  the SKU, end the pods for that time. Until then the change ends with \`FAILED_PRECONDITION\`, which says so.
- Tags are set or replaced, never removed. The driver's own tags are refused, and so are tags that would leave no
  room for these: they are counted together with those that the volume has.
- A disk is modified before it is grown, where both are asked for.
- Another client may change a disk's SKU, \`maxShares\` or bursting, too, as in the portal. The driver notices
  it with its next list of all disks, ten minutes later at the earliest, with an attach that Azure refuses for
  it, or with the next snapshot.`;

const EXAMPLE = `## Example

\`\`\`yaml
apiVersion: storage.k8s.io/v1
kind: VolumeAttributesClass
metadata:
  name: fast
driverName: disk.csi.azure.com
parameters:
  skuName: PremiumV2_LRS
  DiskIOPSReadWrite: "5000"
  DiskMBpsReadWrite: "200"
  tags: tier=fast,claim=\${pvc.metadata.namespace}/\${pvc.metadata.name}
\`\`\`

\`\`\`sh
kubectl patch pvc data --type merge -p '{"spec":{"volumeAttributesClassName":"fast"}}'
kubectl get pvc data -o jsonpath='{.status.currentVolumeAttributesClassName}'
\`\`\``;

/** The reference page of VolumeAttributesClass parameters. */
export function volumeAttributesClassPage(): GeneratedFile {
  const rows = changeRows(mutableParameterNames, volumeParameterTable, parameterNotes);
  const sections = [INTRODUCTION, `## Parameters\n\n${rows}`, LIMITS, EXAMPLE];
  return {
    path: "docs/reference/volume-attributes-class.md",
    content: `${sections.map((text) => text.trim()).join("\n\n")}\n`,
  };
}
