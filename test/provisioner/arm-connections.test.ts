import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, it } from "node:test";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { answerCloudMetadata } from "../../src/emulator/http/cloud-metadata.ts";
import { readRequest, writeAnswer } from "../../src/emulator/http/http-exchange.ts";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import { answerIdentity } from "../../src/emulator/http/token.ts";

const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
/** More than the connections of a burst. */
const CALLS = 300;
/** What src/adapters/azure-sdk/arm-agent.ts opens at once, and keeps. */
const SOCKETS_MAX = 128;
const SOCKETS_KEPT = 32;
const never = new AbortController().signal;
const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

// Each connection costs the controller memory, and a handshake of processor time.
it("sends a burst of calls to Azure over few connections, and uses them again", async () => {
  const tls = await createTlsMaterial(["localhost"]);
  const armSockets = new Set<unknown>();
  let armCalls = 0;
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(message, "https");
    assert.ok(request !== undefined);
    if (request.path.includes("/disks/")) {
      armCalls += 1;
      armSockets.add(message.socket);
    }
    const notThere = { status: 404, body: { error: { code: "ResourceNotFound", message: "no" } } };
    writeAnswer(response, answerIdentity(request) ?? answerCloudMetadata(request) ?? notThere);
  };
  const server = createServer(
    { key: tls.keyPem, cert: tls.certPem },
    (message, response) => void answer(message, response),
  );
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => void server.listen(0, "localhost", resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const connected = connectAzure({
    config: {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: "rg",
      location: "eastus",
      tenantId: "any",
      aadClientId: "any",
      aadClientSecret: "any",
      resourceManagerEndpoint: url,
      activeDirectoryEndpoint: url,
    },
    environment: {},
    caPem: tls.caPem,
    clock: systemClock,
  });
  assert.ok(connected.ok);
  const { arm } = connected.value;
  const socketsAfter: number[] = [];
  for (let burst = 1; burst <= 2; burst++) {
    const answers = await Promise.all(
      Array.from({ length: CALLS }, (_, index) =>
        arm.getDisk(
          {
            subscriptionId: SUBSCRIPTION_ID,
            resourceGroup: "rg",
            name: `pvc-${index}`,
            clientRequestId: "test",
          },
          never,
        ),
      ),
    );
    for (const { result } of answers)
      assert.equal(result.ok ? "found" : result.failure.code, "ResourceNotFound");
    socketsAfter.push(armSockets.size);
  }
  assert.equal(armCalls, 2 * CALLS);
  const [first = 0, both = 0] = socketsAfter;
  assert.ok(first <= SOCKETS_MAX, `${first} connections in one burst`);
  assert.ok(both - first <= SOCKETS_MAX - SOCKETS_KEPT, `${both - first} more in the second burst`);
});
