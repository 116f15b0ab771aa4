// Hides what asks for attention and is no part of the page: newsletter and app overlays, wishes to send
// notifications, chat bubbles. After overlays.js. Returns how many were hidden.
(() => {
  // Containers of well-known widgets. Their windows are frames, which cannot be read from here.
  const WIDGETS = [
    '#intercom-container', '.intercom-lightweight-app', 'iframe[name^=intercom]', '#drift-widget-container',
    '#drift-frame-controller', '#drift-widget', 'iframe#launcher', '#webWidget', 'iframe[title*="messaging window" i]',
    '#hubspot-messages-iframe-container', '.crisp-client', '#crisp-chatbox', 'iframe[title="chat widget" i]',
    '#chat-widget-container', '#tidio-chat', '#tidio-chat-iframe', '#fc_frame', '#olark-wrapper', 'jdiv',
    '#gorgias-chat-container', '.fb_dialog', '.fb-customerchat', '#userlike', '#smartsupp-widget-container',
    '#lhc_status_widget_v2', '#zsiq_float', '.zsiq_floatmain', '#tawkchat-container', '#helpscout-beacon',
    '#beacon-container', '#front-chat-iframe', '#chatra', '#purechat-container', '#HappyChat', '#gist-app',
    '#onesignal-slidedown-container', '#onesignal-popover-container', '.pushcrew-chrome-style-notification',
    '.smartbanner', '#smartbanner', '#branch-banner-iframe',
  ].join();

  const CARD = 'input[autocomplete^=cc-], input[type=password], textarea, select';
  const EMAIL = 'input[type=email], input[name*=mail i], input[placeholder*=mail i], input[autocomplete=email]';
  const CLOSE = /^(×|x|✕|✖|close|dismiss|no,? thanks?\b.*|not now|maybe later|later|skip|schließen|nein,? danke|später|fermer|non,? merci|plus tard|cerrar|no,? gracias|chiudi|no,? grazie|sluiten|nee,? bedankt|fechar|não,? obrigado)$/i;
  const NEWSLETTER = /newsletter|mailing list|subscribe|(sign|join) (up )?.{0,30}(emails?|list|updates|off|discount)|\d+ ?% (off|rabatt|discount|de réduction|de descuento|di sconto|korting)|abonnieren|inscri(vez|ption)|suscr[ií]b|iscriviti|schrijf je in|our latest (news|offers|stories)|inbox/i;
  const APP = /(get|open|use|try|download|install)\b.{0,40}\bapp\b|app (store|laden|öffnen|herunterladen)|(télécharge|ouvrir).{0,30}appli|(descarga|abrir).{0,30}\bapp\b|(scarica|apri).{0,30}\bapp\b|better in the app/i;
  const STORE = 'a[href*="apps.apple.com"], a[href*="itunes.apple.com"], a[href*="play.google.com/store"], a[href^="market:"], a[href*="onelink.me"], a[href*="app.link"]';
  const NOTIFICATIONS = /(notifications?|benachrichtigungen|notificaciones|notifiche|meldingen).{0,120}(allow|enable|turn on|subscribe|later|not now|no thanks|erlauben|aktivieren|später|autoriser|permitir|consenti)|(allow|enable|turn on|show you|send you).{0,40}notifications/is;
  const CHAT = /\b(live ?)?chat\b|messenger|whatsapp|intercom|chatbot|ask us|message us|how can (we|i) help|need help\?|brauchst du hilfe|besoin d.aide/i;
  // What is about the visitor's own business, which no picture may lack.
  const BUSINESS = /check ?out|place (your )?order|your (order|cart|basket|bag|booking|account|payment)|shipping|billing|log ?in|sign ?in\b|password|passwort|anmelden|einloggen|connexion|iniciar sesión|accedi\b|verif(y|ication|ied)|years old|\bage\b|\b(18|21)\+|delete|permanently|unsaved|discard|forward|share (this|with|by)|cookie|consent|captcha|robot|paywall|to (continue|keep) reading|subscribers only|log out|session/i;

  const PRICE = /[$€£¥]\s?\d|\d\s?([$€£¥]|usd|eur)\b/i;

  const controls = element => [...(element.shadowRoot ?? element).querySelectorAll('button, a, [role=button], [class*=close i], [aria-label]')];
  const nameOf = element => (element.getAttribute('aria-label') || element.innerText || element.title || '').trim();
  const canClose = element => controls(element).some(one => CLOSE.test(nameOf(one)) || /\bclose\b|dismiss/i.test(`${one.className?.baseVal ?? one.className} ${one.getAttribute('aria-label') ?? ''}`));

  const isBubble = element => {
    const { left, right, bottom, width, height } = element.getBoundingClientRect();
    const isInCorner = innerHeight - bottom < 160 && (innerWidth - right < 120 || left < 120);
    const isSmall = (width <= 280 && height <= 120) || (width <= 460 && height <= 720 && overlays.area(element) < 0.45);
    if (!isInCorner || !isSmall) return false;
    const marks = [element, ...element.querySelectorAll('*')].slice(0, 60).flatMap(
      one => [one.id, one.className?.baseVal ?? one.className, one.title, one.getAttribute('aria-label'),
        one.getAttribute('href'), one.getAttribute('src')?.slice(0, 100)]);
    return CHAT.test(marks.join(' ').replace(/[-_]/g, ' ')) || /wa\.me\/|m\.me\//.test(marks.join(' '))
      || (element.matches('iframe') && /chat|messag/i.test(marks.join(' ')));
  };

  // Whether an overlay lies over the page like a card or a curtain, not along an edge as a part of the page.
  const floats = element => {
    const { top, width, height } = element.getBoundingClientRect();
    const isCard = top > 8 && width < innerWidth * 0.9 && height < innerHeight * 0.8;
    return isCard || overlays.area(element) > 0.9 || element.matches('dialog, [role=dialog], [aria-modal=true]');
  };

  const mayGo = element => {
    if (element.querySelector(overlays.PAGE) || element.querySelector(CARD)) return false;
    const text = overlays.textOf(element);
    if (text.length > 1500 || BUSINESS.test(text)) return false;
    const asksEmail = element.querySelector(EMAIL) || element.shadowRoot?.querySelector(EMAIL);
    if (NEWSLETTER.test(text) && (asksEmail || /newsletter|mailing list/i.test(text)) && canClose(element)) return true;
    if (NEWSLETTER.test(text) && asksEmail && text.length < 600 && !PRICE.test(text) && floats(element)) return true;
    if ((element.querySelector(STORE) || APP.test(text)) && canClose(element)) return true;
    if (NOTIFICATIONS.test(text) && controls(element).length >= 2 && text.length < 400) return true;
    return isBubble(element);
  };

  let hidden = 0;
  const hide = element => {
    overlays.hide(element);
    hidden++;
  };
  for (const element of document.querySelectorAll(WIDGETS)) {
    if (overlays.isShown(element) || [...element.querySelectorAll('*')].some(overlays.isShown)) hide(element);
  }
  for (const element of overlays.find()) {
    if (overlays.isShown(element) && mayGo(element)) hide(element);
  }
  return hidden;
})()
