import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { remoteDiskController } from "../../../core/node/device/device-address.ts";
import { undefinedIfMissing } from "../../../core/primitives/error-code.ts";

/**
 * How data disks reach this VM: by NVMe if it has Azure's controller for remote disks (it then has its OS
 * disk there, too), else by SCSI.
 */
export async function detectBusType(sysRoot = "/sys"): Promise<"SCSI" | "NVMe"> {
  const directory = join(sysRoot, "class/nvme");
  const controllers = (await readdir(directory).catch(undefinedIfMissing)) ?? [];
  const models = await Promise.all(
    controllers.map((controller) =>
      readFile(join(directory, controller, "model"), "utf8").catch(undefinedIfMissing),
    ),
  );
  return models.some((model) => model !== undefined && remoteDiskController.test(model)) ? "NVMe" : "SCSI";
}
