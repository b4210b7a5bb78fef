import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const gateway = process.env.GATEWAY_URL ?? "http://localhost:8000";

export default defineConfig({
  plugins: [react()],
  server: {
    port: 3000,
    proxy: { "/api": { target: gateway, xfwd: true }, "/openapi.json": { target: gateway, xfwd: true } },
  },
  build: {
    target: "es2022",
    // A content security policy without data: scripts wants the preload helper and nothing inlined.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  test: {
    environment: "jsdom",
    setupFiles: "./src/test/setup.ts",
    css: false,
    restoreMocks: true,
    testTimeout: 60_000,
  },
});
