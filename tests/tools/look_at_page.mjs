#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Opens the page of an audit in a real browser and prints what it saw, as JSON.
//
//   look_at_page.mjs PAGE                                       what loads, is shown and can be operated
//   look_at_page.mjs --size PAGE                                only what loads, and how long it takes
//   look_at_page.mjs --screenshot FILE PAGE                     a picture of its first screen
//   look_at_page.mjs --schema SCHEMA REPORT                     errors of a JSON report against its schema
//
// Needs M2M_TEST_CHROMIUM and M2M_TEST_BROWSER_MODULES, which tests/services/install_browser.sh prints.
// It reports, and judges nothing: the tests do. Exit: 0 it looked, 1 it could not.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(`${setting("M2M_TEST_BROWSER_MODULES")}/`);
const PHONE = { width: 360, height: 740 };
const DESK = { width: 1200, height: 860 };
// A4 less its margins, at 96 dots an inch.
const PAPER = { width: 690, height: 1000 };
const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

function setting(name) {
  if (!process.env[name]) throw new Error(`\`${name}\` is not set: tests/services/install_browser.sh prints it`);
  return process.env[name];
}

async function main(args) {
  if (args[0] === "--schema") return { errors: schemaErrors(args[1], args[2]) };
  const { chromium } = require("playwright-core");
  // A profile of its own, which goes with the browser.
  const browser = await chromium.launch({ executablePath: setting("M2M_TEST_CHROMIUM"), chromiumSandbox: process.getuid() !== 0, args: FLAGS });
  try {
    if (args[0] === "--screenshot") return await screenshot(browser, args[1], args[2]);
    const load = await loaded(browser, args.at(-1));
    return args[0] === "--size" ? load.facts : await looked(load);
  } finally {
    await browser.close();
  }
}

function schemaErrors(schema, report) {
  const Ajv = require("ajv/dist/2020").default;
  // Formats such as `uint64` are notes of the generator: the bounds stand beside them.
  const check = new Ajv({ allErrors: true, strict: true, validateFormats: false }).compile(JSON.parse(readFileSync(schema)));
  return check(JSON.parse(readFileSync(report))) ? [] : check.errors.map((error) => `${error.instancePath} ${error.message}`);
}

async function screenshot(browser, picture, file) {
  const page = await browser.newPage({ viewport: DESK, colorScheme: "light" });
  await page.goto(pathToFileURL(resolve(file)).href);
  await page.screenshot({ path: picture });
  return { picture };
}

/** Opens the page and notes all that a page should not do by itself. */
async function loaded(browser, file) {
  const page = await browser.newPage({ viewport: DESK, colorScheme: "light" });
  const url = pathToFileURL(resolve(file)).href;
  const facts = { url, requests: [], complaints: [], dialogs: 0 };
  page.on("request", (request) => facts.requests.push(request.url()));
  page.on("console", (message) => facts.complaints.push(message.text()));
  page.on("pageerror", (error) => facts.complaints.push(String(error)));
  page.on("dialog", (dialog) => (facts.dialogs++, dialog.dismiss()));
  await page.goto(url, { waitUntil: "load" });
  facts.milliseconds = await page.evaluate(() => {
    const [entry] = performance.getEntriesByType("navigation");
    return { domContentLoaded: entry.domContentLoadedEventEnd, load: entry.loadEventEnd };
  });
  facts.phoneOverflow = await overflow(page, PHONE);
  await page.setViewportSize(DESK);
  return { page, facts };
}

async function looked({ page, facts }) {
  Object.assign(facts, await page.evaluate(contents));
  facts.closedRowsShown = (await page.evaluate(findings)).filter((finding) => finding.isTableShown).length;
  facts.print = await printed(page);
  facts.tabStops = await openByKeyboard(page);
  facts.findings = await page.evaluate(findings);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  facts.phoneOverflowOpen = await overflow(page, PHONE);
  facts.schemes = {};
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    facts.schemes[colorScheme] = await page.evaluate(colours);
    for (const [name, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
      await page.setViewportSize(viewport);
      facts.schemes[colorScheme][name] = await violations(page);
    }
  }
  facts.linkOpensCollection = await linkOpens(page);
  facts.complaintsBeforeScript = facts.complaints.length;
  facts.scriptRan = await page.evaluate(script);
  return facts;
}

async function overflow(page, viewport) {
  await page.setViewportSize(viewport);
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** What the page says, and what it is made of. */
function contents() {
  const text = (element) => element?.innerText.trim() ?? null;
  const totals = [...document.querySelectorAll(".totals > div")].map((entry) => {
    const value = entry.querySelector("data")?.value;
    return [text(entry.querySelector("dt")), value === undefined ? null : Number(value)];
  });
  const rows = [...document.querySelectorAll("section[aria-labelledby=collections] > .scroll tbody tr")];
  return {
    title: document.title,
    language: document.documentElement.lang,
    verdict: text(document.querySelector(".verdict h2")),
    verdictIcon: document.querySelector(".verdict h2 use")?.getAttribute("href") ?? null,
    isVerdictInView: document.querySelector(".verdict").getBoundingClientRect().bottom < innerHeight,
    totals: Object.fromEntries(totals),
    collections: rows.map((row) => [...row.cells].map(text)),
    passed: [...document.querySelectorAll("section[aria-labelledby=passed] .compact > li")].map(text),
    headings: [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1])),
    tags: [...new Set([...document.querySelectorAll("*")].map((element) => element.localName))].sort(),
    handlers: [...document.querySelectorAll("*")].flatMap((element) => element.getAttributeNames().filter((name) => name.startsWith("on"))),
    twice: [...document.querySelectorAll("[id]")].map((element) => element.id).filter((id, at, all) => all.indexOf(id) !== at),
    unnamedDrawings: [...document.querySelectorAll("svg:not([aria-hidden])")].filter((drawing) => !drawing.getAttribute("aria-label")).length,
    drawings: document.querySelectorAll("svg[role=img]").length,
  };
}

/** The findings, and whether their rows and their SQL can be seen. */
function findings() {
  const seen = (element) => Boolean(element?.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && element.getBoundingClientRect().height > 0);
  return [...document.querySelectorAll("details.card[id^=check-]")].map((card) => {
    const query = card.querySelector(".query pre");
    return {
      id: card.id.slice("check-".length),
      severity: card.querySelector(".badge").innerText.trim(),
      title: card.querySelector("h4").innerText.trim(),
      isTitleShown: seen(card.querySelector("h4")),
      found: card.querySelector(".found").innerText.trim(),
      isTableShown: seen(card.querySelector("table")),
      columns: [...card.querySelectorAll("thead th")].map((cell) => cell.textContent),
      rows: [...card.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)),
      isSqlShown: seen(query),
      sql: query.textContent,
    };
  });
}

/** What paper shows while everything is closed on the screen. */
async function printed(page) {
  await page.setViewportSize(PAPER);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const shown = await page.evaluate(findings);
  const facts = {
    findings: shown.length,
    tables: shown.filter((finding) => finding.isTableShown).length,
    withoutRows: shown.filter((finding) => finding.rows.length === 0).length,
    overflow: await overflow(page, PAPER),
    background: await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    bytes: (await page.pdf({ format: "A4" })).length,
  };
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
  await page.setViewportSize(DESK);
  return facts;
}

/** Walks through the page with Tab and opens with Enter whatever belongs to a finding. */
async function openByKeyboard(page) {
  await page.evaluate(() => document.activeElement.blur());
  for (let stops = 0; stops < 5000; stops++) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return "end";
      const style = getComputedStyle(element);
      if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return `no focus to be seen on ${element.outerHTML.slice(0, 200)}`;
      return element.localName === "summary" && element.closest("details.card[id^=check-]") ? "open" : "other";
    });
    if (stop === "end") return stops;
    if (stop === "open") await page.keyboard.press("Enter");
    else if (stop !== "other") throw new Error(stop);
  }
  throw new Error("Tab does not come to an end");
}

/** The least contrast of text in this scheme, and what has it. */
function colours() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [red, green, blue];
      if (alpha > 0) throw new Error("a background that shines through is not measured");
    }
    return [255, 255, 255];
  };
  const contrast = (element) => {
    const style = getComputedStyle(element);
    const text = channels(element.closest("svg") ? style.fill : style.color).slice(0, 3);
    const [dark, bright] = [luminance(text), luminance(behind(element))].sort((one, other) => one - other);
    return (bright + 0.05) / (dark + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const texts = [...document.body.querySelectorAll("*")].filter((element) => hasText(element) && !["title", "style"].includes(element.localName));
  const measured = texts.map((element) => [contrast(element), element.outerHTML.slice(0, 200)]).sort((one, other) => one[0] - other[0]);
  return {
    background: getComputedStyle(document.body).backgroundColor,
    text: getComputedStyle(document.body).color,
    texts: texts.length,
    leastContrast: measured[0][0],
    leastContrastOf: measured[0][1],
  };
}

/** What axe has to say about accessibility. */
async function violations(page) {
  await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const result = await page.evaluate(() => axe.run(document));
  return result.violations.map((violation) => `${violation.id}: ${violation.help}: ${violation.nodes[0].html.slice(0, 200)}`);
}

/** Whether the name of a collection leads to what is known of it. Null without a collection. */
async function linkOpens(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = false)));
  const link = page.locator("section[aria-labelledby=collections] tbody th a").first();
  if ((await link.count()) === 0) return null;
  await link.press("Enter");
  return page.evaluate(() => document.querySelector(".card.collection").open);
}

/** Tries to run a script that was put into the page. */
function script() {
  const element = document.createElement("script");
  element.textContent = "window.ran = true";
  document.body.append(element);
  const image = document.createElement("img");
  image.setAttribute("onerror", "window.ran = true");
  image.src = "data:image/png;base64,broken";
  document.body.append(image);
  return new Promise((done) => setTimeout(() => done(window.ran === true), 200));
}

try {
  console.log(JSON.stringify(await main(process.argv.slice(2))));
} catch (error) {
  console.error(`error: ${error.stack ?? error}`);
  process.exitCode = 1;
}
