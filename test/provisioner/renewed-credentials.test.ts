import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type * as x509 from "@peculiar/x509";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { createAzureCredential } from "../../src/adapters/azure-sdk/azure-credential.ts";
import { createTenantCredentials } from "../../src/adapters/azure-sdk/tenant-credentials.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { ok } from "../../src/core/failure/result.ts";
import { readRequest, writeAnswer } from "../../src/emulator/http/http-exchange.ts";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import { answerIdentity } from "../../src/emulator/http/token.ts";
import { writeCertificate } from "./write-certificate.ts";

const NO_CERTIFICATE =
  "is neither PEM nor a PKCS #12 archive, with certificate and private key: is not one SEQUENCE";

/** Each has tokens of its own, so that another one needs another sign-in. */
const AUDIENCES = [
  "https://management.azure.com",
  "https://management.core.windows.net",
  "https://management.usgovcloudapi.net",
  "https://management.chinacloudapi.cn",
] as const;
const REFUSAL = "AADSTS700027: Client assertion failed signature validation.";

describe("a sign-in with a file that is renewed", () => {
  let [authority, caPem, folder] = ["", "", ""];
  let server: Server | undefined;
  /** Certificates, by their SHA-256, and federated tokens that the authority does not accept. */
  const refused = new Set<string>();
  const accepted = (assertion: string): boolean => !refused.has(thumbprintIn(assertion) ?? assertion);
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(message, "https");
    assert.ok(request !== undefined);
    const assertion = new URLSearchParams(request.bodyText).get("client_assertion");
    const answered =
      assertion === null || accepted(assertion)
        ? answerIdentity(request)
        : { status: 401, body: { error: "invalid_client", error_description: REFUSAL } };
    writeAnswer(response, answered ?? { status: 404 });
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "renewed-credentials-"));
    const tls = await createTlsMaterial(["localhost"]);
    ({ caPem } = tls);
    const listening = createServer(
      { key: tls.keyPem, cert: tls.certPem },
      (message, response) => void answer(message, response),
    );
    server = listening;
    await new Promise<void>((resolve) => void listening.listen(0, "localhost", resolve));
    authority = `https://localhost:${(listening.address() as AddressInfo).port}`;
  });
  after(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    await rm(folder, { recursive: true });
  });
  beforeEach(() => refused.clear());

  const reports: string[] = [];
  /** Signs in for the next audience; the error's message if that fails. */
  const signsIn = (config: AzureConfig): (() => Promise<string>) => {
    reports.length = 0;
    const made = createAzureCredential({
      clock: systemClock,
      config: { tenantId: "tenant", aadClientId: "client", ...config },
      environment: {},
      caPem,
      agent: undefined,
      reports: {
        onUnusable: ({ field, problem }) => reports.push(`${field}: ${problem}`),
        onUsable: ({ field }) => reports.push(`${field} can be used`),
      },
    });
    assert.ok(made.ok);
    const credential = made.value(authority);
    const audiences = [...AUDIENCES];
    return async () => {
      const audience = audiences.shift();
      assert.ok(audience !== undefined);
      try {
        return (await credential.getToken(`${audience}/.default`)) === null ? "no token" : "";
      } catch (error) {
        return error instanceof Error ? error.message : "no error";
      }
    };
  };
  const refuse = async (certificate: Promise<x509.X509Certificate>): Promise<void> => {
    const thumbprint = await (await certificate).getThumbprint("SHA-256");
    refused.add(Buffer.from(thumbprint).toString("base64url"));
  };
  const writeIdentity = async (path: string): Promise<void> =>
    writeFile(
      path,
      JSON.stringify({
        client_id: "of-identity",
        tenant_id: "tenant-of-identity",
        client_secret: (await readFile(`${path}.pem`)).toString("base64"),
        authentication_endpoint: `${authority}/`,
      }),
    );

  it("keeps a certificate beside a file that is broken, then has one that is refused", async () => {
    const path = join(folder, "client.pem");
    await writeCertificate(path);
    const signIn = signsIn({ aadClientCertPath: path });
    assert.equal(await signIn(), "");
    await writeFile(path, "");
    assert.equal(await signIn(), "");
    await refuse(writeCertificate(path));
    assert.equal(await signIn(), "");
    await writeCertificate(path);
    assert.equal(await signIn(), "");
    assert.equal(reports[0], `aadClientCertPath: the file ${path} ${NO_CERTIFICATE}`);
    assert.match(reports[1] ?? "", /^aadClientCertPath: .*AADSTS700027/u);
    assert.deepEqual(reports.slice(2), ["aadClientCertPath can be used"]);
  });

  it("keeps an identity beside a file that is broken, then has one that is refused", async () => {
    const path = join(folder, "identity.json");
    await writeCertificate(`${path}.pem`);
    await writeIdentity(path);
    const signIn = signsIn({ aadMSIDataPlaneIdentityPath: path });
    assert.equal(await signIn(), "");
    await rm(path);
    assert.equal(await signIn(), "");
    await refuse(writeCertificate(`${path}.pem`));
    await writeIdentity(path);
    assert.equal(await signIn(), "");
    await writeCertificate(`${path}.pem`);
    await writeIdentity(path);
    assert.equal(await signIn(), "");
    assert.match(
      reports[0] ?? "",
      /^aadMSIDataPlaneIdentityPath: the file .*identity\.json can't be read: ENOENT/u,
    );
    assert.match(reports[1] ?? "", /^aadMSIDataPlaneIdentityPath: .*AADSTS700027/u);
    assert.deepEqual(reports.slice(2), ["aadMSIDataPlaneIdentityPath can be used"]);
  });

  it("says of an auxiliary tenant's token which tenant that is", async () => {
    const path = join(folder, "of-tenants.pem");
    await writeCertificate(path);
    const config = {
      ...{ tenantId: "tenant", aadClientId: "client", aadClientCertPath: path },
      auxiliaryTenantIDs: ["other"],
    };
    const said: unknown[] = [];
    const created = createTenantCredentials({
      clock: systemClock,
      config,
      environment: {},
      endpoints: { resourceManager: authority, authority, tokenAudience: AUDIENCES[0] },
      caPem,
      agent: undefined,
      current: {
        read: async () => ok(config),
        onUnusable: ({ problem, ...unusable }) =>
          said.push({ ...unusable, code: /AADSTS\d+/u.exec(problem)?.[0] }),
        onUsable: (usable) => said.push(usable),
      },
    });
    assert.ok(created.ok);
    const { credential, auxiliaryCredentials } = created.value;
    const signIn = async (): Promise<void> => {
      const all = [credential, ...auxiliaryCredentials.map((auxiliary) => auxiliary.credential)];
      for (const each of all) await each.getToken("any");
    };
    await signIn();
    await refuse(writeCertificate(path));
    await signIn();
    await writeCertificate(path);
    await signIn();
    const [field, code] = ["aadClientCertPath", "AADSTS700027"];
    assert.deepEqual(said, [
      { field, code },
      { field, code, tenantId: "other" },
      { field },
      { field, tenantId: "other" },
    ]);
  });

  it("adds the file's problem to the refusal of the identity that was kept", async () => {
    const path = join(folder, "expired.json");
    const kept = writeCertificate(`${path}.pem`);
    await kept;
    await writeIdentity(path);
    const signIn = signsIn({ aadMSIDataPlaneIdentityPath: path });
    assert.equal(await signIn(), "");
    await refuse(kept);
    await writeFile(path, "{");
    assert.match(
      await signIn(),
      /AADSTS700027.*; aadMSIDataPlaneIdentityPath: the file .* is no JSON object$/u,
    );
  });

  it("names the file that has no certificate while nothing else signs in", async () => {
    const path = join(folder, "none.pem");
    await writeFile(path, "");
    assert.equal(
      await signsIn({ aadClientCertPath: path })(),
      `aadClientCertPath: the file ${path} ${NO_CERTIFICATE}`,
    );
    assert.deepEqual(reports, []);
  });

  it("keeps the tokens of a federated token beside one that is refused", async () => {
    const path = join(folder, "token");
    await writeFile(path, "first");
    const made = createAzureCredential({
      clock: systemClock,
      config: {
        ...{ tenantId: "tenant", aadClientId: "client", aadFederatedTokenFile: path },
        useFederatedWorkloadIdentityExtension: true,
      },
      environment: {},
      caPem,
      agent: undefined,
    });
    assert.ok(made.ok);
    const credential = made.value(authority);
    const tokenFor = async (at: 0 | 1): Promise<string | undefined> =>
      (await credential.getToken(`${AUDIENCES[at]}/.default`))?.token;
    const kept = await tokenFor(0);
    refused.add("first").add("second");
    await writeFile(path, "second");
    await assert.rejects(tokenFor(1), /AADSTS700027/u);
    assert.equal(await tokenFor(0), kept);
  });
});

/** The certificate that an assertion names; undefined for one that names none. */
function thumbprintIn(assertion: string): string | undefined {
  if (!assertion.includes(".")) return undefined;
  const header = Buffer.from(assertion.split(".")[0] ?? "", "base64url").toString();
  return (JSON.parse(header) as { readonly "x5t#S256"?: string })["x5t#S256"];
}
