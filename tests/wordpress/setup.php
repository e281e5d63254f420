<?php
// Installs WordPress as its own install page does, then makes the pages of a clinic. Called as `php setup.php DIRECTORY HTML`;
// the HTML is part of an article.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'clinic.example';
$_SERVER['HTTPS'] = 'on';
require $argv[1] . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_wp_mail', '__return_true');
wp_install('Клиника', 'glavvrach', 'admin@clinic.example', true, '', 'a long password of a test');

foreach (['permalink_structure' => '/%postname%/', 'comment_previously_approved' => 0, 'comment_moderation' => 0,
          'comments_notify' => 0, 'moderation_notify' => 0, 'page_comments' => 0] as $name => $value) {
    update_option($name, $value);
}
wp_set_current_user(1);
kses_init();
function page(string $title, string $slug, string $content = '', int $parent = 0, string $type = 'page'): int {
    return wp_insert_post(['post_title' => $title, 'post_name' => $slug, 'post_content' => $content, 'post_parent' => $parent,
        'post_type' => $type, 'post_status' => 'publish', 'comment_status' => 'open', 'post_author' => 1], true);
}
page('Услуги', 'услуги');
page('Врачи', 'врачи');
$services = page('Services', 'services');
$oncology = page('Онкология', 'onkologiya', '', $services);
page('Химиотерапия', 'himioterapiya', '', $oncology);
page('Контакты', 'kontakty', '<!-- wp:html --><form action="/spasibo/"><input name="fio"><input name="phone">'
    . '<button id="send">Отправить</button></form><a id="dead" href="/net-takoy/">Акция</a><!-- /wp:html -->');
page('Спасибо', 'spasibo');
page('Акция', 'akciya', "<!-- wp:html -->{$argv[2]}<!-- /wp:html -->", 0, 'post');
page('Диабет', 'diabet', 'О сахаре.', 0, 'post');
global $wp_rewrite;
$wp_rewrite->init();
$wp_rewrite->flush_rules(false);
