import { type JsonObject, objectAt, textAt } from "../../api/json.ts";

/** The image of a VM whose creator names none. */
export const DEFAULT_IMAGE: JsonObject = {
  publisher: "Canonical",
  offer: "0001-com-ubuntu-server-jammy",
  sku: "22_04-lts-gen2",
  version: "latest",
  exactVersion: "22.04.202511010",
};

const LINUX_GIB = 30;
const WINDOWS_GIB = 127;

/** The system of a machine by the properties of a VM, or of a scale set's model. */
export function osTypeOf(machine: JsonObject): "Linux" | "Windows" {
  const isWindows =
    textAt(machine, "storageProfile", "osDisk", "osType")?.toLowerCase() === "windows" ||
    objectAt(machine, "osProfile", "windowsConfiguration") !== undefined ||
    textAt(machine, "storageProfile", "imageReference", "publisher")
      ?.toLowerCase()
      .startsWith("microsoftwindows") === true;
  return isWindows ? "Windows" : "Linux";
}

/** The size of a disk of an image, in GiB: that of Canonical's images, and of Windows Server's. */
export function imageSizeGiB(osType: "Linux" | "Windows"): number {
  return osType === "Windows" ? WINDOWS_GIB : LINUX_GIB;
}

/** The id by which a disk names the image of which it was made, with the capitals of Azure's. */
export function imageId(
  { subscriptionId, location }: { readonly subscriptionId: string; readonly location: string },
  image: JsonObject,
): string {
  const own = textAt(image, "id");
  if (own !== undefined) return own;
  const text = (member: string): string => textAt(image, member) ?? "";
  const version = textAt(image, "exactVersion") ?? text("version");
  return (
    `/Subscriptions/${subscriptionId}/Providers/Microsoft.Compute/Locations/${location}/Publishers/` +
    `${text("publisher")}/ArtifactTypes/VMImage/Offers/${text("offer")}/Skus/${text("sku")}/Versions/${version}`
  );
}
