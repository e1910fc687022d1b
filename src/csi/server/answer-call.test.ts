import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { ok } from "../../core/failure/result.ts";
import type { Logger } from "../../ports/logger.ts";
import { ControllerService, NodeService } from "../gen/csi/v1/csi.ts";
import { answerCall } from "./answer-call.ts";

/** The level on which a call that succeeds is logged. */
async function levelOf(method: string): Promise<string | undefined> {
  const levels: string[] = [];
  const at = (level: string) => () => void levels.push(level);
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logger,
  };
  const clock = createVirtualClock();
  const ports = { clock, random: createSeededRandom(1), logger, onCall: () => {} };
  const { signal } = new AbortController();
  await answerCall(async () => ok({}), { method, request: {}, signal, deadlineMs: Infinity }, ports);
  return levels.length === 1 ? levels[0] : undefined;
}

describe("answerCall", () => {
  for (const [{ path }, level] of [
    [NodeService.nodeGetVolumeStats, "debug"],
    [NodeService.nodeGetVolumeHealth, "debug"],
    [NodeService.nodeGetCapabilities, "debug"],
    [ControllerService.listVolumes, "debug"],
    [NodeService.nodeStageVolume, "info"],
    [ControllerService.createVolume, "info"],
  ] as const)
    it(`logs ${path} as ${level}`, async () => assert.equal(await levelOf(path), level));
});
