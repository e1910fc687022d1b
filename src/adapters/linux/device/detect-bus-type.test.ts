import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { detectBusType } from "./detect-bus-type.ts";

/** The bus of a VM with NVMe controllers of these models. */
async function busOf(models: readonly string[]): Promise<string> {
  const sysRoot = await mkdtemp(join(tmpdir(), "sys-"));
  try {
    for (const [index, model] of models.entries()) {
      await mkdir(join(sysRoot, `class/nvme/nvme${index}`), { recursive: true });
      await writeFile(join(sysRoot, `class/nvme/nvme${index}/model`), model);
    }
    return await detectBusType(sysRoot);
  } finally {
    await rm(sysRoot, { recursive: true });
  }
}

describe("detectBusType", () => {
  const local = "Microsoft NVMe Direct Disk v2           \n";
  const remote = "MSFT NVMe Accelerator v1.0              \n";
  const rows = [
    { models: [], bus: "SCSI", because: "there is no NVMe at all" },
    { models: [local], bus: "SCSI", because: "only its local disks are NVMe" },
    { models: [local, remote], bus: "NVMe", because: "Azure's controller for remote disks is there" },
  ];
  for (const { models, bus, because } of rows)
    it(`is ${bus}: ${because}`, async () => assert.equal(await busOf(models), bus));
});
