import { updateDisk, type World } from "../../src/emulator/model/world.ts";

/** As after a day: Azure takes changes of SKU and performance again, of which it limits the number a day. */
export function endDailyLimits(world: World): void {
  for (const { id } of [...world.disks.values()])
    updateDisk(world, id, ({ skuChangesAtMs: _, performanceChangesAtMs: __, ...disk }) => disk);
}
