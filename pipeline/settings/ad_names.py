"""The names of query parameters that ads add to the address of a page: campaign marks and click ids. Pure data."""

UTM_NAMES = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")

CLICK_ID_NAMES = frozenset(
    {
        # Google Ads: https://support.google.com/google-ads/answer/9744275 (gclid, gbraid, wbraid);
        # Campaign Manager: https://support.google.com/campaignmanager/answer/9182069 (dclid)
        *("gclid", "gbraid", "wbraid", "dclid"),
        # Yandex Direct: https://yandex.com/support/direct/statistics/url-tags.html. Not `ysclid`: it marks organic search.
        *("yclid", "ymclid"),
        # Microsoft Advertising: https://help.ads.microsoft.com/apex/index/3/en/60000
        "msclkid",
        # VK Ads and myTarget, in AdGuard's "Tracking Parameters" list beside the others
        "rb_clickid",
        # Facebook, X, TikTok, LinkedIn, Pinterest, Snapchat, Reddit: same list, general_url.txt
        *("fbclid", "twclid", "ttclid", "li_fat_id", "epik", "sccid", "rdt_cid"),
        # Affiliate networks: impact.com, Awin, CJ, Admitad, Tradedoubler
        *("irclickid", "awc", "cjevent", "admitad_uid", "tduid"),
    }
)
"""Lower-case names of parameters that an advertising system adds to one click."""
