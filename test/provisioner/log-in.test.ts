import assert from "node:assert/strict";
import { constants, createPublicKey, verify } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type * as x509 from "@peculiar/x509";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import {
  createTenantCredentials,
  type CurrentSettings,
} from "../../src/adapters/azure-sdk/tenant-credentials.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { ok, type Result } from "../../src/core/failure/result.ts";
import { answerCloudMetadata } from "../../src/emulator/http/cloud-metadata.ts";
import {
  type HttpAnswer,
  type HttpRequest,
  readRequest,
  writeAnswer,
} from "../../src/emulator/http/http-exchange.ts";
import { createTlsMaterial } from "../../src/emulator/http/tls.ts";
import { answerIdentity } from "../../src/emulator/http/token.ts";
import type { ArmError } from "../../src/provisioner/arm/arm-api.ts";
import { writeCertificate } from "./write-certificate.ts";

const openssl = await findCommand("openssl");

const place = {
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
  tenantId: "tenant-of-file",
};
const IDENTITY = "11111111-1111-1111-1111-111111111111";
const IDENTITY_URI =
  "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/driver";

/** How a token was requested. */
interface Asked {
  readonly path: string;
  readonly with: Readonly<Record<string, string>>;
}

describe("the driver's identity at Azure", () => {
  let asked: Asked[] = [];
  /** What is answered instead of the cloud's metadata, one after another. */
  const metadataAnswers: HttpAnswer[] = [];
  let bearer = "";
  let auxiliary = "";
  /** Whether a sign-in with an assertion is accepted. */
  let accepts: (form: URLSearchParams) => boolean = () => true;
  let caPem = "";
  let authority = "";
  let metadata = "";
  let folder = "";
  const servers: Server[] = [];

  const answer = async (
    scheme: "http" | "https",
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const request = await readRequest(message, scheme);
    assert.ok(request !== undefined);
    const form = new URLSearchParams(request.bodyText);
    const isExpired = form.get("client_secret") === "expired";
    const isRefused = form.has("client_assertion") && !accepts(form);
    const metadataOfCloud = answerCloudMetadata(request);
    const token = isExpired
      ? refusedClient("AADSTS7000222: The provided client secret keys for app 'of-file' are expired.")
      : isRefused
        ? refusedClient("AADSTS700027: Client assertion failed signature validation.")
        : (answerIdentity(request) ?? (metadataOfCloud && (metadataAnswers.shift() ?? metadataOfCloud)));
    if (token === undefined) {
      bearer = request.headers["authorization"] ?? "";
      auxiliary = request.headers["x-ms-authorization-auxiliary"] ?? "";
    }
    if (token !== undefined && /\/token\/?$/.test(request.path)) asked.push(asking(request));
    writeAnswer(
      response,
      token ?? { status: 404, body: { error: { code: "ResourceNotFound", message: "not there" } } },
    );
  };
  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, "localhost", resolve));
    return (server.address() as AddressInfo).port;
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "log-in-"));
    await writeFile(join(folder, "token"), "of-the-service-account");
    const tls = await createTlsMaterial(["localhost", "127.0.0.1"]);
    ({ caPem } = tls);
    const secure = createHttpsServer(
      { key: tls.keyPem, cert: tls.certPem },
      (message, response) => void answer("https", message, response),
    );
    authority = `https://localhost:${await listen(secure)}`;
    metadata = `http://localhost:${await listen(createHttpServer((message, response) => void answer("http", message, response)))}`;
    process.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = metadata;
  });
  after(async () => {
    delete process.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"];
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(folder, { recursive: true });
  });

  const endpoints = (): AzureConfig => ({
    resourceManagerEndpoint: authority,
    activeDirectoryEndpoint: authority,
  });
  /** Reads a disk that is not there; `current`: the settings at each sign-in. */
  const readWith = (
    config: AzureConfig,
    current?: () => Promise<Result<AzureConfig, never>>,
  ): (() => Promise<Result<unknown, ArmError>>) => {
    const connected = connectAzure({
      config: { ...place, ...endpoints(), ...config },
      environment: {},
      caPem,
      clock: systemClock,
      ...(current === undefined
        ? {}
        : { current: { read: current, onUnusable: ({ problem }) => assert.fail(problem) } }),
    });
    assert.ok(connected.ok);
    const { arm } = connected.value;
    const disk = { subscriptionId: place.subscriptionId, resourceGroup: "rg", name: "none" };
    return async () => {
      const signal = new AbortController().signal;
      return (await arm.getDisk({ ...disk, clientRequestId: "any" }, signal)).result;
    };
  };
  const codeOf = (result: Result<unknown, ArmError>): string => (result.ok ? "" : result.failure.code);
  const codeOfARead = async (config: AzureConfig): Promise<string> => codeOf(await readWith(config)());
  const problemOf = (config: AzureConfig): string => {
    const connected = connectAzure({
      config: { ...place, ...config },
      environment: {},
      caPem,
      clock: systemClock,
    });
    return connected.ok ? "" : connected.failure.problem;
  };

  const secret = { aadClientId: "of-file", aadClientSecret: "secret" };
  const rows: readonly {
    readonly because: string;
    readonly config: AzureConfig;
    readonly environment?: () => Record<string, string>;
    readonly expected: () => Asked & { readonly appid: string };
  }[] = [
    {
      because: "a service principal with its secret",
      config: secret,
      expected: () => ({
        path: "/tenant-of-file/oauth2/v2.0/token",
        with: { client_id: "of-file", client_secret: "secret" },
        appid: "of-file",
      }),
    },
    {
      because: "the workload identity that the webhook injects, whatever else the file has",
      config: secret,
      environment: () => ({
        AZURE_TENANT_ID: "injected",
        AZURE_CLIENT_ID: "workload",
        AZURE_FEDERATED_TOKEN_FILE: join(folder, "token"),
      }),
      expected: () => ({
        path: "/injected/oauth2/v2.0/token",
        with: { client_id: "workload", client_assertion: "of-the-service-account" },
        appid: "workload",
      }),
    },
    {
      because: "the workload identity of the file",
      config: {
        aadClientId: "of-file",
        useFederatedWorkloadIdentityExtension: true,
        aadFederatedTokenFile: "<token>",
      },
      expected: () => ({
        path: "/tenant-of-file/oauth2/v2.0/token",
        with: { client_id: "of-file", client_assertion: "of-the-service-account" },
        appid: "of-file",
      }),
    },
    {
      because: "a managed identity by its client id",
      config: { ...secret, useManagedIdentityExtension: true, userAssignedIdentityID: IDENTITY },
      expected: () => ({
        path: "/metadata/identity/oauth2/token",
        with: { client_id: IDENTITY },
        appid: IDENTITY,
      }),
    },
    {
      because: "a managed identity by its resource id",
      config: { useManagedIdentityExtension: true, userAssignedIdentityID: IDENTITY_URI },
      expected: () => ({
        path: "/metadata/identity/oauth2/token",
        with: { msi_res_id: IDENTITY_URI },
        appid: "00000000-0000-0000-0000-0000000000aa",
      }),
    },
    {
      because: "the VM's system-assigned managed identity",
      config: { useManagedIdentityExtension: true },
      expected: () => ({
        path: "/metadata/identity/oauth2/token",
        with: {},
        appid: "00000000-0000-0000-0000-0000000000aa",
      }),
    },
  ];
  it("is the owner of a certificate, which signs its request and goes along with it", async () => {
    const path = join(folder, "client.pem");
    const certificate = await writeCertificate(path);
    asked = [];
    assert.equal(await codeOfARead({ aadClientId: "of-file", aadClientCertPath: path }), "ResourceNotFound");
    const { client_id: clientId, client_assertion: assertion = "" } = asked.at(-1)?.with ?? {};
    assert.equal(clientId, "of-file");
    assertSigned(assertion, certificate);
    assert.deepEqual(headerOf(assertion).x5c, [certificate.toString("base64")]);
  });

  it(
    "is the owner of a certificate in an archive with a password",
    { skip: openssl === undefined ? "openssl is not installed" : false },
    async () => {
      const [path, pem] = [join(folder, "client.pfx"), join(folder, "of-archive.pem")];
      const certificate = await writeCertificate(pem);
      const made = await runCommand(
        openssl ?? "",
        ["pkcs12", "-export", "-in", pem, "-out", path, "-passout", "pass:secret"],
        { cwd: folder },
      );
      assert.equal(made.code, 0, made.output);
      const config = { aadClientId: "of-file", aadClientCertPath: path };
      asked = [];
      assert.equal(await codeOfARead({ ...config, aadClientCertPassword: "secret" }), "ResourceNotFound");
      assertSigned(asked.at(-1)?.with["client_assertion"] ?? "", certificate);
      assert.match(
        messageOf(await readWith(config)()),
        /aadClientCertPath: the file .*client\.pfx is neither PEM nor .*: has a password, or is damaged/u,
      );
    },
  );

  it("has every way to log in named where the settings have none", () =>
    assert.match(
      problemOf({}),
      /aadClientCertPath, or aadMSIDataPlaneIdentityPath, or useManagedIdentityExt/u,
    ));

  /** A sign-in with the certificate that `write` puts into a file: refused first, then with a new one. */
  async function signsInOnceRenewed(
    config: AzureConfig,
    write: () => Promise<x509.X509Certificate>,
  ): Promise<void> {
    const thumbprint = async (): Promise<string> =>
      Buffer.from(await (await write()).getThumbprint("SHA-256")).toString("base64url");
    const old = await thumbprint();
    const read = readWith(config, async () => ok({ ...place, ...config, ...endpoints() }));
    accepts = (form) => thumbprintIn(form.get("client_assertion") ?? "") !== old;
    assert.match(messageOf(await read()), /AADSTS700027/u);
    const renewed = await thumbprint();
    accepts = (form) => thumbprintIn(form.get("client_assertion") ?? "") === renewed;
    assert.equal(codeOf(await read()), "ResourceNotFound");
    accepts = () => true;
  }

  it("is the owner of a new certificate as soon as its file has it", async () => {
    const path = join(folder, "rotated.pem");
    await signsInOnceRenewed({ aadClientId: "of-file", aadClientCertPath: path }, () =>
      writeCertificate(path),
    );
  });

  /** Writes a new identity as the managed identity service's data plane issues it. */
  const writeIdentity = async (path: string, changes: object = {}): Promise<x509.X509Certificate> => {
    const pemPath = `${path}.pem`;
    const certificate = await writeCertificate(pemPath);
    const identity = {
      client_id: "of-identity",
      tenant_id: "tenant-of-identity",
      client_secret: (await readFile(pemPath)).toString("base64"),
      authentication_endpoint: `${authority}/`,
      not_before: "2026-01-01T00:00:00Z",
    };
    await writeFile(path, JSON.stringify({ ...identity, ...changes }));
    return certificate;
  };

  it("is the managed identity of a file, whose certificate goes along with the request", async () => {
    const path = join(folder, "identity.json");
    const certificate = await writeIdentity(path);
    asked = [];
    assert.equal(await codeOfARead({ aadMSIDataPlaneIdentityPath: path }), "ResourceNotFound");
    const { path: where, with: said } = asked.at(-1) ?? { path: "", with: {} };
    assert.deepEqual([where, said["client_id"]], ["/tenant-of-identity/oauth2/v2.0/token", "of-identity"]);
    const assertion = said["client_assertion"] ?? "";
    assertSigned(assertion, certificate);
    assert.deepEqual(headerOf(assertion).x5c, [certificate.toString("base64")]);
  });

  it("is the renewed managed identity as soon as its file has it", async () => {
    const path = join(folder, "renewed.json");
    await signsInOnceRenewed({ aadMSIDataPlaneIdentityPath: path }, () => writeIdentity(path));
  });

  it("names what a managed identity's file lacks, and reads it again", async () => {
    const path = join(folder, "unusable.json");
    const read = readWith({ aadMSIDataPlaneIdentityPath: path });
    const problem = async (): Promise<string> => messageOf(await read());
    assert.match(await problem(), /aadMSIDataPlaneIdentityPath.*unusable\.json can't be read: ENOENT/u);
    await writeFile(path, "[]");
    assert.match(await problem(), /is no JSON object/u);
    await writeIdentity(path, { client_id: "", tenant_id: 7 });
    assert.match(await problem(), /has no client_id, tenant_id$/u);
    await writeIdentity(path, { authentication_endpoint: "localhost" });
    assert.match(await problem(), /authentication_endpoint that is no https:/u);
    await writeIdentity(path, { client_secret: Buffer.from("secret").toString("base64") });
    const unreadable = await problem();
    assert.match(unreadable, /client_secret that is no base64 of a PKCS #12 archive/u);
    assert.doesNotMatch(unreadable, /c2VjcmV0/u);
    await writeIdentity(path);
    assert.equal(codeOf(await read()), "ResourceNotFound");
  });

  it("is that of a new federated token as soon as its file has it", async () => {
    const path = join(folder, "rotated-token");
    const config: AzureConfig = {
      aadClientId: "of-file",
      useFederatedWorkloadIdentityExtension: true,
      aadFederatedTokenFile: path,
    };
    accepts = (form) => form.get("client_assertion") === "new";
    await writeFile(path, "old");
    const read = readWith(config, async () => ok({ ...place, ...config, ...endpoints() }));
    assert.match(messageOf(await read()), /AADSTS700027/u);
    await writeFile(path, "new");
    assert.equal(codeOf(await read()), "ResourceNotFound");
    accepts = () => true;
  });

  it("is also that of other tenants, whose tokens go along with each call", async () => {
    const others = { auxiliaryTenantIDs: ["tenant-2"], networkResourceTenantID: "tenant-3" };
    asked = [];
    assert.equal(await codeOfARead({ ...secret, ...others }), "ResourceNotFound");
    assert.deepEqual(asked.map(({ path }) => path.split("/")[1] ?? "").toSorted(), [
      "tenant-2",
      "tenant-3",
      "tenant-of-file",
    ]);
    const tokens = auxiliary.split(", ").map((token) => token.replace("Bearer ", ""));
    assert.deepEqual(tokens.map((token) => claimIn(token, "tid")).toSorted(), ["tenant-2", "tenant-3"]);
  });

  it("is the one of a new secret as soon as the file has it", async () => {
    let config: AzureConfig = { ...secret, aadClientSecret: "expired" };
    const read = readWith(config, async () => ok({ ...place, ...config, ...endpoints() }));
    const refused = await read();
    assert.ok(!refused.ok && refused.failure.statusCode === 401);
    assert.match(refused.failure.message, /AADSTS7000222/u);
    config = secret;
    assert.equal(codeOf(await read()), "ResourceNotFound");
  });

  it("signs in without the SDK's kept token once the clock was set back", async () => {
    const config = { ...place, ...endpoints(), ...secret };
    const read = async (): Promise<Result<AzureConfig, never>> => ok(config);
    const onUnusable: CurrentSettings["onUnusable"] = ({ problem }) => assert.fail(problem);
    for (const current of [undefined, { read, onUnusable }]) {
      let aheadMs = 120_000;
      const made = createTenantCredentials({
        clock: { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs },
        config,
        environment: {},
        endpoints: { resourceManager: authority, authority, tokenAudience: authority },
        ...{ caPem, agent: undefined, current },
      });
      assert.ok(made.ok);
      asked = [];
      const signIn = (): Promise<unknown> => made.value.credential.getToken(`${authority}/.default`);
      for (let times = 1; times <= 2; times++) await signIn();
      assert.equal(asked.length, 1);
      aheadMs = 0;
      for (let times = 1; times <= 2; times++) await signIn();
      assert.equal(asked.length, 2);
    }
  });

  const otherName = (): string => authority.replace("localhost", "127.0.0.1");
  const rowsOfAudiences: readonly (readonly [string, () => AzureConfig])[] = [
    ["that the cloud's metadata name, not the address", () => ({ resourceManagerEndpoint: otherName() })],
    [
      "of the settings",
      () => ({ resourceManagerEndpoint: otherName(), tokenAudience: "https://management.azure.com" }),
    ],
  ];
  for (const [which, addresses] of rowsOfAudiences)
    it(`gets tokens for the audience ${which}`, async () => {
      assert.equal(codeOf(await readWith({ ...secret, ...addresses() })()), "ResourceNotFound");
    });

  for (const [what, gateway] of [
    ["refuses", { status: 429 }],
    ["answers with a page", { status: 200, body: { maintenance: true } }],
  ] as const)
    it(`asks for the audience again after a gateway that ${what}`, async () => {
      metadataAnswers.push(gateway);
      const read = readWith({ ...secret, resourceManagerEndpoint: otherName() });
      const first = await read();
      assert.ok(!first.ok);
      assert.match(first.failure.message, /metadata\/endpoints.*set tokenAudience/u);
      assert.equal(codeOf(await read()), "ResourceNotFound");
    });

  it("names the audience that Entra does not know", async () => {
    const read = await readWith({ ...secret, tokenAudience: "https://other.example" })();
    assert.ok(!read.ok);
    assert.match(read.failure.message, /AADSTS500011.*https:\/\/other\.example/u);
  });

  for (const { because, config, environment, expected } of rows)
    it(`is ${because}, and its token is sent with the call`, async () => {
      asked = [];
      const file =
        config.aadFederatedTokenFile === undefined ? {} : { aadFederatedTokenFile: join(folder, "token") };
      const connected = connectAzure({
        config: {
          ...place,
          ...config,
          ...file,
          resourceManagerEndpoint: authority,
          activeDirectoryEndpoint: authority,
        },
        environment: environment?.() ?? {},
        caPem,
        clock: systemClock,
      });
      assert.ok(connected.ok);
      const read = await connected.value.arm.getDisk(
        { subscriptionId: place.subscriptionId, resourceGroup: "rg", name: "none", clientRequestId: "any" },
        new AbortController().signal,
      );
      assert.equal(read.result.ok ? "" : read.result.failure.code, "ResourceNotFound");
      const [last] = asked.slice(-1);
      assert.deepEqual({ ...last, appid: claimIn(bearer, "appid") }, expected());
    });
});

function refusedClient(description: string): HttpAnswer {
  return { status: 401, body: { error: "invalid_client", error_description: description } };
}

function messageOf(result: Result<unknown, ArmError>): string {
  return result.ok ? "" : result.failure.message;
}

interface AssertionHeader {
  readonly alg: string;
  readonly "x5t#S256"?: string;
  readonly x5c?: readonly string[];
}

function headerOf(assertion: string): AssertionHeader {
  const header = Buffer.from(assertion.split(".")[0] ?? "", "base64url").toString();
  return JSON.parse(header) as AssertionHeader;
}

/** The certificate that an assertion names, by its SHA-256. */
function thumbprintIn(assertion: string): string {
  return headerOf(assertion)["x5t#S256"] ?? "";
}

function assertSigned(assertion: string, certificate: x509.X509Certificate): void {
  const [header = "", claims = "", signature = ""] = assertion.split(".");
  const { alg } = headerOf(assertion);
  const publicKey = createPublicKey(certificate.publicKey.toString("pem"));
  const padding = alg.startsWith("PS") ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const signed = Buffer.from(`${header}.${claims}`);
  assert.ok(
    verify("sha256", signed, { key: publicKey, padding }, Buffer.from(signature, "base64url")),
    `the assertion is signed with ${alg}`,
  );
}

const TELLING = ["client_id", "client_secret", "client_assertion", "msi_res_id", "object_id"];

function asking(request: HttpRequest): Asked {
  const said = { ...request.query, ...Object.fromEntries(new URLSearchParams(request.bodyText)) };
  return {
    path: request.path.replace(/\/$/, ""),
    with: Object.fromEntries(Object.entries(said).filter(([name]) => TELLING.includes(name))),
  };
}

function claimIn(token: string, name: "appid" | "tid"): string {
  const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(claims) as Record<typeof name, string>)[name];
}
