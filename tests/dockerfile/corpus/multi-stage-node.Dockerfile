# syntax=docker/dockerfile:1
ARG NODE=20
FROM --platform=$BUILDPLATFORM node:${NODE}-slim AS deps
WORKDIR /src
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm \
    npm ci
FROM deps AS build
COPY . .
RUN npm run build && \
    npm prune --omit=dev
FROM gcr.io/distroless/nodejs20
COPY --from=build --link /src/dist /app
COPY --from=deps /src/node_modules /app/node_modules
USER 65532:65532
ENTRYPOINT ["/nodejs/bin/node", "/app/main.js"]
