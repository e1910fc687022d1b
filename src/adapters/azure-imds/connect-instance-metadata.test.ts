import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { connectInstanceMetadata } from "./connect-instance-metadata.ts";

const never = new AbortController().signal;
const ROUTE = "/metadata/instance?api-version=2021-12-13&format=json";

const document = {
  compute: {
    location: "EastUS",
    name: "node-a",
    resourceId: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/node-a",
    storageProfile: {
      dataDisks: [
        {
          lun: "0",
          managedDisk: { id: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1" },
        },
        {
          lun: "7",
          managedDisk: { id: "" },
          vhd: { uri: "https://account.blob.core.windows.net/vhds/old.vhd" },
        },
      ],
    },
    vmId: "02AAB8A4-74EF-476E-8182-F6D2BA4166A6",
    vmSize: "Standard_D4s_v5",
    zone: "1",
  },
  network: { interface: [] },
};

/** Runs `act` with a metadata service that answers as `listener` does. */
async function withService(
  listener: RequestListener,
  act: (endpoint: string) => Promise<void>,
): Promise<void> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await act(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function connect(endpoint: string, timeoutMs = 60_000): ReturnType<typeof connectInstanceMetadata> {
  return connectInstanceMetadata({ endpoint, certificateAuthority: undefined, timeoutMs });
}

describe("connectInstanceMetadata", () => {
  it("describes a VM, with GUID and region in their common spelling", async () => {
    const asked: Pick<IncomingMessage, "url" | "headers">[] = [];
    await withService(
      (request, response) => {
        asked.push({ url: request.url ?? "", headers: request.headers });
        response.end(JSON.stringify(document));
      },
      async (endpoint) => {
        assert.deepEqual(
          await connect(`${endpoint}/emulator/v1/imds/node-a/`).read(never),
          ok({
            vmId: "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
            resourceId: document.compute.resourceId,
            location: "eastus",
            zone: "1",
            vmSize: "Standard_D4s_v5",
            dataDisks: [
              {
                diskUri: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1",
                lun: 0,
              },
              { diskUri: undefined, lun: 7 },
            ],
          }),
        );
      },
    );
    assert.deepEqual(
      asked.map(({ url, headers }) => [url, headers["metadata"], headers["x-forwarded-for"]]),
      [[`/emulator/v1/imds/node-a${ROUTE}`, "true", undefined]],
    );
  });

  it("says what to check if the answer describes no VM", async () => {
    const answers = [
      { code: 400, body: '{"error":"Bad request"}' },
      { code: 200, body: "<html>a captive portal</html>" },
      { code: 200, body: '{"compute":{}}' },
    ];
    for (const { code, body } of answers)
      await withService(
        (_request, response) => void response.writeHead(code).end(body),
        async (endpoint) => {
          const read = await connect(endpoint).read(never);
          assert.deepEqual(read.ok ? read.value : read.failure.kind, "HostNotReady");
          assert.match(JSON.stringify(read), new RegExp(`answered ${code} .*--metadata-endpoint`));
        },
      );
  });

  it("gives up on a service that does not answer, and names the settings for that", async () => {
    const gone = await connect("http://127.0.0.1:1").read(never);
    assert.match(JSON.stringify(gone), /can't be reached .*--vm-id/);
    await withService(
      () => undefined,
      async (endpoint) =>
        assert.match(JSON.stringify(await connect(endpoint, 20).read(never)), /no answer within 20 ms/),
    );
  });

  it("ends with its caller's signal", async () => {
    const ending = new AbortController();
    await withService(
      () => ending.abort(),
      async (endpoint) =>
        assert.deepEqual(await connect(endpoint).read(ending.signal), {
          ok: false,
          failure: { kind: "Cancelled" },
        }),
    );
  });

  it("refuses an endpoint that is no URL of http or https", () => {
    assert.throws(() => connect("ftp://169.254.169.254"), /must be http or https/);
  });
});
