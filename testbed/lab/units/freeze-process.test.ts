import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { freezeProcess } from "./freeze-process.ts";

/** Threads that count until they are stopped, more of them than there are processors. */
const COUNTS = `
  const { Worker } = require("node:worker_threads");
  const counts = new BigInt64Array(new SharedArrayBuffer(64));
  const source =
    "const { workerData: [counts, of] } = require('node:worker_threads'); " +
    "for (;;) Atomics.add(counts, of, 1n);";
  for (let of = 0; of < 8; of += 1) new Worker(source, { eval: true, workerData: [counts, of] });
  const untilAllCount = setInterval(() => {
    if (counts.some((count) => count === 0n)) return;
    clearInterval(untilAllCount);
    console.log("counting");
  }, 1);`;

describe("a frozen process", () => {
  it("uses no more processor time, on any of its threads", async () => {
    const child = spawn(process.execPath, ["-e", COUNTS], { stdio: ["ignore", "pipe", "inherit"] });
    const { pid } = child;
    assert.ok(pid !== undefined);
    try {
      await once(child.stdout, "data");
      for (let round = 0; round < 20; round += 1) {
        await freezeProcess(pid);
        const used = await processorTime(pid);
        for (let look = 0; look < 50; look += 1) assert.equal(await processorTime(pid), used);
        child.kill("SIGCONT");
      }
    } finally {
      child.kill("SIGKILL");
      await once(child, "close");
    }
  });

  it("may have ended", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "close");
    assert.ok(child.pid !== undefined);
    await freezeProcess(child.pid);
  });
});

/** Nanoseconds on a processor of each thread (schedstats, first field). */
async function processorTime(pid: number): Promise<string> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (id) => (await readFile(`/proc/${pid}/task/${id}/schedstat`, "utf8")).split(" ", 1)),
  );
  return times.join();
}
