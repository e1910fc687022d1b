import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import type { LabNode } from "../../testbed/lab/cluster/lab-node.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { returnToService } from "./faults/take-out-of-service.ts";
import { untilNodeReady } from "./node-ready.ts";
import { takeSnapshots } from "./workload/snapshots.ts";

const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const TUTORIALS = /\n## The tutorials, step by step\n([^]*?)\n### Other volumes\n/u;
/** Output that appears a little later on the page is retried. */
const SEEN_MAX_MS = 240_000;
const LOOK_EVERY_MS = 500;
/** Read-only, so it may be repeated. The page's `describe` output depends on the machine. */
const ASKS = /^kubectl (?:-n \S+ )?(?:get|exec \S+ -- (?:df|ls)) /u;
const CLASSES = [
  "azuredisk-csi-waitforfirstconsumer",
  "custom-managed-premium",
  "azuredisk-csi",
  "premium-v2",
];
const ATTRIBUTES_CLASSES = ["steady", "fast"];
/** A snapshot that is still to be made keeps its claim. */
const SNAPSHOTS = ["cronjobs,jobs", "volumesnapshots"];
const SCHEDULE = [
  "serviceaccount/snapshot-schedule",
  "role/snapshot-schedule",
  "rolebinding/snapshot-schedule",
];

interface Step {
  readonly command: string;
  readonly prints: readonly string[];
}

describe("docs/lab.md", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  let folder: string;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
    folder = await mkdtemp(join(tmpdir(), "lab-page-"));
  });
  after(async () => {
    await rm(folder, { recursive: true });
    for (const node of lab.nodes) await revive(lab, node);
    for (const kinds of SNAPSHOTS) await lab.kubectl(["delete", kinds, "--all", "--timeout=180s"]);
    await lab.kubectl(["delete", ...SCHEDULE, "--ignore-not-found"]);
    await lab.kubectl(["delete", "statefulsets,pods,persistentvolumeclaims", "--all", "--grace-period=1"]);
    await lab.kubectl(["delete", "storageclass", "--ignore-not-found", ...CLASSES]);
    await lab.kubectl(["delete", "volumeattributesclass", "--ignore-not-found", ...ATTRIBUTES_CLASSES]);
    await untilNothingIsLeft(lab);
  });

  it("has tutorials whose commands all work in order and print what the page shows", async (t) => {
    const [, tutorials = ""] = TUTORIALS.exec(await readFile(join(CLONE, "docs/lab.md"), "utf8")) ?? [];
    const steps = stepsOf(tutorials);
    assert.ok(steps.length > 30, `${steps.length} commands`);
    for (const step of steps) {
      const startedMs = performance.now();
      await take(step);
      t.diagnostic(`${Math.round(performance.now() - startedMs)} ms: ${step.command}`);
    }
  });

  async function take({ command, prints }: Step): Promise<void> {
    let printed = await run(command);
    if (!ASKS.test(command)) return;
    await waitUntil(
      `${command} to print\n${prints.join("\n")}`,
      { timeoutMs: SEEN_MAX_MS, everyMs: LOOK_EVERY_MS },
      async () => {
        if (prints.every((line) => isPrinted(line, printed))) return true;
        printed = await run(command);
        return undefined;
      },
    );
  }

  /** In a shell with the variables of the earlier commands; throws unless it ends with 0. */
  async function run(command: string): Promise<string> {
    const variables = join(folder, "variables");
    const ofThisLab = command.replaceAll(
      "npm run lab --",
      `${process.execPath} ${join(CLONE, "testbed/lab/main.ts")} --name=${lab.name}`,
    );
    const script =
      `touch ${variables}; . ${variables}; ${ofThisLab}\n` +
      `status=$?; declare -p node > ${variables} 2> /dev/null; exit $status`;
    const env = {
      KUBECONFIG: lab.kubeconfig,
      PATH: `${lab.parts.bin}${delimiter}${process.env["PATH"] ?? ""}`,
    };
    const { code, output } = await runCommand("bash", ["-c", script], { cwd: CLONE, env });
    assert.equal(code, 0, `${command}: ${output}`);
    return output;
  }
});

/** If the page was left in its middle, a node may be powered off, tainted or cordoned. */
async function revive(lab: Lab, node: LabNode): Promise<void> {
  const isOff = await node.processId().then(
    () => false,
    () => true,
  );
  if (isOff) await node.start(new AbortController().signal);
  await untilNodeReady(lab, node.name);
  await returnToService(lab, node.name);
  await lab.kubectl(["uncordon", node.name]);
}

/** The commands of the page, each with the lines that stand below it. */
function stepsOf(text: string): readonly Step[] {
  const blocks = [...text.matchAll(/```console\n([^]*?)```/gu)].map((match) => match[1] ?? "");
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /mu)
      .filter((step) => step !== "")
      .map((step) => {
        const [command = "", ...lines] = step.trimEnd().split("\n");
        return { command, prints: lines };
      }),
  );
}

/**
 * Whether one of the lines has all words of this line, in their order. Words with digits differ between
 * runs.
 */
function isPrinted(line: string, printed: string): boolean {
  const words = line.split(/\s+/u).filter((word) => word !== "" && !/\d|…|^node-[a-z]$/u.test(word));
  return printed.split("\n").some((candidate) => {
    let from = 0;
    return words.every((word) => {
      const at = candidate.indexOf(word, from);
      from = at + word.length;
      return at !== -1;
    });
  });
}
