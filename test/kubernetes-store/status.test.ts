import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { aVolume } from "../../src/core/testing/objects.ts";
import { type ApiServer, FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "./api-server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const never = new AbortController().signal;

describe(
  "azuredisk-csi-driver status, on Kubernetes' API server",
  { skip: (await whyNoApiServer()) ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    let server: ApiServer;
    let namespace: string;

    before(async () => {
      server = await startApiServer((line) => console.log(line));
      namespace = await server.newNamespace();
    });
    after(async () => server?.close());

    const status = (...args: readonly string[]) =>
      runCommand(
        process.execPath,
        ["src/main.ts", "status", ...args, "--kubeconfig", server.kubeconfigFile, "--namespace", namespace],
        { cwd: ROOT },
      );

    async function create(path: string, body: object): Promise<void> {
      const answer = await server.connect().call({ method: "POST", path, body }, never);
      assert.ok(answer.ok && answer.value.code === 201, JSON.stringify(answer));
    }

    it("says that no controller leads where there is no volume yet", async () => {
      const { code, output } = await status();
      assert.deepEqual(
        [code, output],
        [1, "0 of 0 volumes are not fine; controller: none leads: no Lease\n"],
      );
    });

    it("prints a volume with its own events, in the order of their times", async () => {
      const { spec } = aVolume();
      for (const name of ["pvc-1", "pvc-2"]) {
        await create(`/apis/disk.csi.azure.com/v1/namespaces/${namespace}/azvolumes`, {
          apiVersion: "disk.csi.azure.com/v1",
          kind: "AzVolume",
          metadata: { name },
          spec: { ...spec, volumeName: name },
        });
        for (const [reason, lastTimestamp] of [
          ["Second", "2026-01-01T00:00:02Z"],
          ["First", "2026-01-01T00:00:01Z"],
        ])
          await create(`/api/v1/namespaces/${namespace}/events`, {
            metadata: { generateName: "e-" },
            involvedObject: { kind: "AzVolume", name, namespace },
            type: "Normal",
            reason,
            message: `of ${name}`,
            lastTimestamp,
          });
      }
      const { code, output } = await status("pvc-2");
      assert.equal(code, 1);
      assert.match(output, /^pvc-2: not fine\n/u);
      assert.deepEqual(
        [...output.matchAll(/^ {2}event +(.*)$/gmu)].map(([, event]) => event),
        ["2026-01-01T00:00:01Z Normal First: of pvc-2", "2026-01-01T00:00:02Z Normal Second: of pvc-2"],
      );
      assert.match(output, /1 of 1 volumes are not fine; controller: none leads: no Lease\n$/u);
      assert.match((await status()).output, /^pvc-1: not fine\n[^]*^pvc-2: not fine\n[^]*2 of 2 volumes/mu);
    });

    it("counts in JSON the volumes that are not fine, and says whether one leads", async () => {
      const { reports, ...rest } = JSON.parse((await status("--output", "json")).output) as {
        readonly reports: readonly { readonly volume: { readonly metadata: { readonly name: string } } }[];
      };
      assert.deepEqual(
        [rest, reports.map(({ volume }) => volume.metadata.name)],
        [
          {
            controller: { leads: false, detail: "none leads: no Lease" },
            volumes: 2,
            notFine: 2,
            omitted: 0,
          },
          ["pvc-1", "pvc-2"],
        ],
      );
    });

    it("ends with 2 where there is no such volume", async () => {
      const { code, output } = await status("pvc-3");
      assert.deepEqual([code, output], [2, "pvc-3: the driver has no such volume\n"]);
    });

    it("ends with 3, and says why, where Kubernetes lacks the definitions", async () => {
      const { code, output } = await server.kubectl("delete", "crd", "azdrivernodes.disk.csi.azure.com");
      assert.equal(code, 0, output);
      const without = await status();
      assert.equal(without.code, 3, without.output);
      assert.match(without.output, /are the custom resource definitions installed/u);
    });
  },
);
