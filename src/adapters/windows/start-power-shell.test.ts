import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { systemClock } from "../system/system-clock.ts";
import { type PowerShellOptions, startPowerShell, windowsPowerShell } from "./start-power-shell.ts";
import type { StorageCall } from "./storage-call.ts";
import { WORKER_MARK, WORKER_SCRIPT } from "./worker-script.ts";

/**
 * A worker in JavaScript, with the protocol of the script: it answers its process id and the call. `Exit`
 * ends it, `Fail` is an error of a cmdlet, `Odd` an answer of another form, and `Noise` one after a warning.
 * The cmdlets that take long answer at the next line, whatever it is, and `Get-Never` never does.
 */
const WORKER = `
let unanswered = [];
const write = (answer) => console.log(JSON.stringify(answer));
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const call = JSON.parse(line);
  const { id, cmdlet } = call;
  if (cmdlet === "Exit") {
    console.log("WARNING: it ends");
    process.exit(3);
  }
  if (cmdlet === "Get-Never") return;
  if (cmdlet === "Noise") console.log("WARNING: the disk is busy");
  if (cmdlet === "Fail") write({ id, ok: false, error: "Access denied" });
  else if (cmdlet === "Odd") write({ id, ok: "perhaps" });
  else write({ id, ok: true, rows: [{ worker: process.pid, call }] });
});`;

const MINUTE_MS = 60_000;

function aCall(cmdlet: string): StorageCall {
  return { cmdlet, parameters: { Text: "O'Neil; $(Remove-Item C:\\) \u00e9\n" }, select: [] };
}

async function aPool(
  t: TestContext,
  {
    worker = WORKER,
    limitsMs,
    logger = silentLogger,
  }: {
    readonly worker?: string;
    readonly limitsMs?: PowerShellOptions["limitsMs"];
    readonly logger?: PowerShellOptions["logger"];
  } = {},
) {
  const powerShell = await startPowerShell({
    clock: systemClock,
    logger,
    command: () => [process.execPath, "-e", worker],
    ...(limitsMs === undefined ? {} : { limitsMs }),
  });
  t.after(() => powerShell.close());
  return powerShell;
}

describe("startPowerShell", () => {
  it("has the script in its command line, where no other user can change it", () => {
    const command = windowsPowerShell(WORKER_SCRIPT);
    assert.deepEqual(command.slice(-2), ["-Command", WORKER_SCRIPT]);
    assert.ok(WORKER_SCRIPT.includes(WORKER_MARK));
    // A command line of Windows has at most 32,767 characters, and escapes double quotes.
    assert.deepEqual([command.join(" ").length < 32_767, WORKER_SCRIPT.includes('"')], [true, false]);
  });

  it("starts Windows' own PowerShell by its full path, not one that PATH leads to", () => {
    const [program] = windowsPowerShell(WORKER_SCRIPT, "D:\\Windows");
    assert.equal(program, "D:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe");
    assert.match(windowsPowerShell(WORKER_SCRIPT)[0] ?? "", /^[A-Z]:\\/iu);
  });

  it("sends a call as data, whatever its text, and returns the answer", async (t) => {
    const powerShell = await aPool(t);
    assert.deepEqual(callOf(await powerShell.call(aCall("Get-Disk"))), aCall("Get-Disk"));
  });

  it("returns a cmdlet's error as an answer", async (t) => {
    const powerShell = await aPool(t);
    assert.deepEqual(await powerShell.call(aCall("Fail")), {
      ok: true,
      value: { ok: false, error: "Access denied" },
    });
  });

  it("runs four calls at a time, and makes the others wait", async (t) => {
    const powerShell = await aPool(t);
    const answers = await Promise.all(Array.from({ length: 9 }, () => powerShell.call(aCall("Get-Disk"))));
    const workers = answers.map((answered) =>
      answered.ok && answered.value.ok ? (answered.value.rows[0] as { readonly worker: number }).worker : 0,
    );
    assert.deepEqual([new Set(workers).size, workers.includes(0)], [4, false]);
  });

  it("takes no other output for an answer, neither of this call nor of the next one", async (t) => {
    const powerShell = await aPool(t);
    assert.deepEqual(callOf(await powerShell.call(aCall("Noise"))), aCall("Noise"));
    assert.deepEqual(callOf(await powerShell.call(aCall("Get-Partition"))), aCall("Get-Partition"));
  });

  it("fails with what it got where a worker answers in another form", async (t) => {
    const powerShell = await aPool(t);
    assert.deepEqual(await powerShell.call(aCall("Odd")), {
      ok: false,
      failure: {
        kind: "HostNotReady",
        detail: 'PowerShell answered something else: {"id":2,"ok":"perhaps"}',
      },
    });
  });

  it("fails the call of a worker that ends, and starts another for the next", async (t) => {
    const powerShell = await aPool(t);
    assert.deepEqual(await powerShell.call(aCall("Exit")), {
      ok: false,
      failure: {
        kind: "HostNotReady",
        detail: `${process.execPath} ended: exit code 3 WARNING: it ends`,
      },
    });
    assert.equal((await powerShell.call(aCall("Get-Disk"))).ok, true);
  });

  it("ends a worker whose query has no answer in time, and starts another for the next", async (t) => {
    const powerShell = await aPool(t, {
      limitsMs: { query: 2_000, change: MINUTE_MS, longChange: MINUTE_MS },
    });
    const never = await Promise.all(Array.from({ length: 4 }, () => powerShell.call(aCall("Get-Never"))));
    assert.deepEqual(
      never,
      never.map(() => ({
        ok: false,
        failure: { kind: "HostNotReady", detail: "PowerShell has not answered Get-Never in 2 s" },
      })),
    );
    assert.equal((await powerShell.call(aCall("Get-Disk"))).ok, true);
  });

  it("answers queries and short changes beside any number of changes that take long", async (t) => {
    // Long cmdlets have no answer here until their worker ends.
    const powerShell = await aPool(t, { worker: WORKER.replace('"Get-Never"', '"Repair-Volume"') });
    const repairs = Array.from({ length: 5 }, () => powerShell.call(aCall("Repair-Volume")));
    assert.deepEqual(callOf(await powerShell.call(aCall("Set-Disk"))), aCall("Set-Disk"));
    assert.deepEqual(callOf(await powerShell.call(aCall("Get-Disk"))), aCall("Get-Disk"));
    powerShell.close();
    assert.deepEqual(
      (await Promise.all(repairs)).map(({ ok }) => ok),
      repairs.map(() => false),
    );
  });

  it("sets the worker of a change aside that hangs, and names it", async (t) => {
    const lines: unknown[] = [];
    const noted = Promise.withResolvers<void>();
    const note = (message: string, fields?: object): void => {
      lines.push([message, fields]);
      if (lines.length === 3) noted.resolve();
    };
    const powerShell = await aPool(t, {
      // A hung one ends with the line of the next call, or with its worker.
      worker: WORKER.replace('"Get-Never"', '"Set-Never"'),
      limitsMs: { query: MINUTE_MS, change: 500, longChange: MINUTE_MS },
      logger: { ...silentLogger, warn: note, info: note },
    });
    const hung = ["1", "2", "3"].map((Id) =>
      powerShell.call({ cmdlet: "Set-Never", parameters: { Id }, select: [] }),
    );
    await noted.promise;
    assert.deepEqual(
      lines,
      ["1", "2", "3"].map((Id) => [
        "a change of PowerShell hangs",
        { change: `Set-Never {"Id":"${Id}"}`, limitMs: 500 },
      ]),
    );
    assert.deepEqual(callOf(await powerShell.call(aCall("Set-Disk"))), aCall("Set-Disk"));
    hung.push(powerShell.call({ cmdlet: "Set-Never", parameters: { Id: "4" }, select: [] }));
    const refused = async (): Promise<string> => {
      const answered = await powerShell.call(aCall("Set-Disk"));
      return answered.ok ? refused() : JSON.stringify(answered.failure);
    };
    assert.match(await refused(), /4 changes of PowerShell hang: drain .*: Set-Never .*Id.*; /u);
    assert.deepEqual(callOf(await powerShell.call(aCall("Get-Disk"))), aCall("Get-Disk"));
    powerShell.close();
    assert.deepEqual(
      (await Promise.all(hung)).map(({ ok }) => ok),
      [false, false, false, false],
    );
  });

  it("keeps no process alive by its idle workers", async (t) => {
    const keepers = (): readonly string[] =>
      process.getActiveResourcesInfo().filter((name) => name === "ProcessWrap" || name === "PipeWrap");
    const before = keepers();
    const powerShell = await aPool(t);
    await powerShell.call(aCall("Get-Disk"));
    // A process of an earlier test may end during this one.
    const now = keepers();
    assert.ok(now.length <= before.length, `${now.join()} after ${before.join()}`);
  });

  it("throws where PowerShell can't be started", async () => {
    const command = (): readonly string[] => ["/absent/powershell.exe"];
    await assert.rejects(startPowerShell({ clock: systemClock, logger: silentLogger, command }), /ENOENT/u);
  });
});

function callOf(answered: Awaited<ReturnType<Awaited<ReturnType<typeof aPool>>["call"]>>): unknown {
  if (!answered.ok || !answered.value.ok) return answered;
  const { id: _, ...call } = (answered.value.rows[0] as { readonly call: { readonly id: number } }).call;
  return call;
}
