import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type CommandOutcome, runCommand } from "../../scripts/child/run-command.ts";
import { labHome } from "../../testbed/lab/lab-home.ts";
import { labNetwork } from "../../testbed/lab/lab-network.ts";
import { readLabRecord } from "../../testbed/lab/lab-record.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { stopLab } from "../../testbed/lab/stop-lab.ts";
import { run } from "../../testbed/lab/units/run.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { machineTraces, NO_TRACES } from "../cluster/assert/machine-traces.ts";

const NAME = "lab-command";
const REGISTERED_MAX_MS = 240_000;
const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = fileURLToPath(new URL("../../testbed/lab/main.ts", import.meta.url));

describe("npm run lab", { skip: (await reasonAgainstLab()) ?? false }, () => {
  after(async () => {
    await stopLab(NAME, { clone: CLONE });
  });

  function lab(...args: readonly string[]): Promise<CommandOutcome> {
    return runCommand(process.execPath, [MAIN, `--name=${NAME}`, ...args], { cwd: CLONE });
  }

  it("reports progress, prints a working kubeconfig, and keeps the lab until `down`", async (t) => {
    const up = await lab("--nodes=1");
    assert.equal(up.code, 0, up.output);
    t.diagnostic(`up, with the driver, after ${Math.round(up.durationMs)} ms`);
    assert.match(
      up.output,
      /^ *\d+\.\d s {2}node-a: up, containerd runs\n(?:.*\n)* *\d+\.\d s {2}nodes are Ready: node-a \(zone 1\)\n/mu,
    );
    const [, kubeconfig = "", bin = ""] =
      /^ {2}export KUBECONFIG=(\S+) PATH=(\S+):\$PATH$/mu.exec(up.output) ?? [];
    const nodes = ["get", "nodes", "--output=name"];
    // The command has ended; the processes that it started still run.
    assert.equal(
      await run([join(bin, "kubectl"), ...nodes], { env: { KUBECONFIG: kubeconfig } }),
      "node/node-a\n",
    );
    assert.equal((await lab("kubectl", ...nodes)).output, "node/node-a\n");
    // The plug-in is ready when it serves; the kubelet registers it on its own.
    await waitUntil("the driver to be in the CSINode", { timeoutMs: REGISTERED_MAX_MS }, async () => {
      const { output } = await lab(
        "kubectl",
        "get",
        "csinode/node-a",
        "--output=jsonpath={.spec.drivers[*].name}",
      );
      return output === "disk.csi.azure.com" || undefined;
    });
    assert.match(
      (await lab("status")).output,
      new RegExp(`^lab ${NAME}: up;[^]*node-a +\\d+ processes`, "mu"),
    );
    assert.match((await lab()).output, new RegExp(`^Lab ${NAME} is up, as it was\\.`, "mu"));

    const record = await readLabRecord(labHome(NAME));
    assert.ok(record !== undefined);
    const down = await lab("down");
    assert.deepEqual(
      { code: down.code, output: down.output },
      { code: 0, output: `lab ${NAME} is down, nothing is left\n` },
    );
    assert.deepEqual(await machineTraces(NAME, labNetwork(record.slot).hostLink), NO_TRACES);
    assert.equal((await lab("down")).output, `there is no lab ${NAME}\n`);
  });
});
